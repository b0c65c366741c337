/** Deliberate faults of the protocol for explorations: each takes away one rule. */
import type { Catalog } from "../../../shared/catalog/catalog.ts";
import type { CollectRequest, CollectResponse } from "../../../shared/catalog/commands.ts";
import type { CatalogConfig } from "../../../shared/catalog/config.ts";
import type { OrderedStore } from "../../../shared/catalog/ordered-store.ts";
import { ForgetfulStore, UnfencedStore } from "../broken-stores.ts";
import { TICK_MS } from "./state.ts";

export interface ExplorerVariant {
  readonly config?: Partial<CatalogConfig>;
  readonly breakStore?: (store: OrderedStore, command: string) => OrderedStore;
  /** The version that `locate` is told. */
  readonly breakVersion?: (version: number) => number;
  readonly breakCollect?: (catalog: Catalog, request: CollectRequest) => CollectResponse;
  /** A put that failed counts as done. */
  readonly forgetsFailedPuts?: boolean;
  /** Messages are deleted once their documents are located. */
  readonly acknowledgesBeforeCommit?: boolean;
  /** Pages are written after the commit. */
  readonly commitsBeforePages?: boolean;
  /** A reader answers from any manifest that it finds. */
  readonly forgetsFloor?: boolean;
}

export const NO_VARIANT: ExplorerVariant = {};

export const EXPLORER_VARIANTS: Readonly<Record<string, ExplorerVariant>> = {
  "no-fence": {
    breakStore: (store, command) => (/^(locate|commit)/.test(command) ? new UnfencedStore(store) : store),
  },
  "delete-before-commit": { acknowledgesBeforeCommit: true },
  "pages-after-commit": { commitsBeforePages: true },
  "versions-ignored": { breakVersion: () => 1 },
  "deletions-forgotten": {
    breakStore: (store, command) => (command === "commit" ? new ForgetfulStore(store) : store),
  },
  "collect-live": { breakCollect: collectLive },
  "collect-retained": { config: { generationRetentionMs: TICK_MS }, breakCollect: collectRetained },
  "outbox-without-retry": { forgetsFailedPuts: true },
  "outbox-without-confirmation": { config: { outboxConfirmMs: 0 } },
  "generation-forgotten": { forgetsFloor: true },
};

/** A live segment may go. */
function collectLive(catalog: Catalog, request: CollectRequest): CollectResponse {
  const live = catalog.manifest().segments;
  const isLive = (segmentId: string) => live.some((one) => one.segmentId === segmentId);
  const { segments } = catalog.collect({
    ...request,
    collected: request.collected.filter((id) => !isLive(id)),
  });
  const offered = live.filter(({ segmentId }) => !request.collected.includes(segmentId));
  return { segments: [...segments, ...offered] };
}

/** What only an older generation has may go. */
function collectRetained(catalog: Catalog, request: CollectRequest): CollectResponse {
  const live = new Set(catalog.manifest().segments.map(({ segmentId }) => segmentId));
  const older = catalog
    .generations()
    .generations.flatMap(({ generation }) => catalog.manifest(generation).segments)
    .filter(({ segmentId }) => !live.has(segmentId));
  const isOlder = (segmentId: string) => older.some((one) => one.segmentId === segmentId);
  const { segments } = catalog.collect({
    ...request,
    collected: request.collected.filter((id) => !isOlder(id)),
  });
  const offered = older.filter(({ segmentId }) => !request.collected.includes(segmentId));
  return { segments: [...segments, ...offered.slice(0, 1)] };
}

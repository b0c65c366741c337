/**
 * Deliberate faults of the protocol, put around the real parts within a simulation only: each takes away one rule that
 * DESIGN gives. A checker that does not find them proves nothing.
 */
import type { Catalog } from "../../shared/catalog/catalog.ts";
import type { CollectRequest, CollectResponse, LocateRequest } from "../../shared/catalog/commands.ts";
import type { CatalogConfig } from "../../shared/catalog/config.ts";
import { isLzeroError } from "../../shared/errors.ts";
import type { IsolateCache } from "../../workers/isolate-cache.ts";
import { ForgetfulStore, UnfencedStore } from "./broken-stores.ts";
import type { CatalogHostOptions } from "./catalog-host.ts";
import type { PortOptions } from "./catalog-ports.ts";
import type { KvOptions } from "./simulated-kv.ts";
import type { QueueOptions } from "./simulated-queue.ts";

/** What a variant changes in a world; made anew for every run, since some count. */
export interface BrokenParts {
  readonly kv?: Pick<KvOptions, "keyOf">;
  readonly queue?: Pick<QueueOptions, "deleteOnReceive">;
  readonly host?: Partial<Pick<CatalogHostOptions, "breakStore" | "forgetsFailedPuts">>;
  readonly config?: Partial<CatalogConfig>;
  readonly ports?: Partial<Pick<PortOptions, "breakLocate" | "breakCollect">>;
  /** What an isolate forgets. */
  readonly breakCache?: (cache: IsolateCache) => void;
}

/** By name, as the command line takes them. */
export const BROKEN_VARIANTS: Readonly<Record<string, () => BrokenParts>> = {
  /** A segment may be located and committed although its lease ran out and its pages were offered for collection. */
  "no-fence": () => {
    const gone = new Set<string>();
    return {
      host: {
        breakStore: (store, command) => (/^(locate|commit)/.test(command) ? new UnfencedStore(store) : store),
      },
      ports: {
        // What was never committed is not forgotten either, since that fences too.
        breakCollect: (request, catalog, truth) => {
          const collected = request.collected.filter((segmentId) => truth.wasCommitted(segmentId));
          for (const segmentId of request.collected) gone.add(segmentId);
          const { segments } = catalog.collect({ ...request, collected });
          return { segments: segments.filter(({ segmentId }) => !gone.has(segmentId)) };
        },
      },
    };
  },
  /** A message is gone once it was received. */
  "delete-before-commit": () => ({ queue: { deleteOnReceive: true } }),
  /** What comes last wins, whatever its version. */
  "versions-ignored": () => {
    let commits = 0;
    return {
      ports: {
        breakLocate: (request: LocateRequest) => {
          commits += 1;
          const documents = request.documents.map(([key, version, ingestId, position, ...condition]) => {
            const arrival = ingestId === null ? version : 1_000_000 + commits;
            return [key, arrival, ingestId, position, ...condition] as LocateRequest["documents"][number];
          });
          return { ...request, documents };
        },
      },
    };
  },
  /** A live segment may go. */
  "collect-live": () => ({
    ports: { breakCollect: (request, catalog) => collectBeyond(request, catalog, oldestLive) },
  }),
  /** What the current generation does not have may go, although older generations are retained. */
  "collect-retained": () => ({
    ports: { breakCollect: (request, catalog) => collectBeyond(request, catalog, onlyRetained) },
  }),
  /** A manifest is put once. */
  "outbox-without-retry": () => ({ host: { forgetsFailedPuts: true } }),
  /** What was put with an unknown outcome may come late and stay. */
  "outbox-without-confirmation": () => ({ config: { outboxConfirmMs: 1 } }),
  /** A deletion has no memory. */
  "deletions-forgotten": () => ({
    host: { breakStore: (store, command) => (/^commit/.test(command) ? new ForgetfulStore(store) : store) },
  }),
  /** A rollback brings back what was deleted since. */
  "rollback-revives": () => ({
    host: { breakStore: (store, command) => (/^rollback/.test(command) ? new ForgetfulStore(store) : store) },
  }),
  /** An isolate answers from whatever manifest it finds. */
  "generation-forgotten": () => ({
    breakCache: (cache) => {
      cache.raiseFloor = () => undefined;
    },
  }),
  /** Segments take turns on a few names. */
  "keys-reused": () => ({ kv: { keyOf: reuseKey } }),
};

type Unneeded = (catalog: Catalog) => readonly { readonly segmentId: string; readonly pages: number }[];

/** A collection that offers segments beyond those that the catalog would, and forgets what the catalog lets it. */
function collectBeyond(request: CollectRequest, catalog: Catalog, unneeded: Unneeded): CollectResponse {
  const more = unneeded(catalog);
  const inUse = new Set(more.map(({ segmentId }) => segmentId));
  const collected = request.collected.filter((segmentId) => !inUse.has(segmentId));
  const { segments } = catalog.collect({ ...request, collected });
  const asked = new Set(request.collected);
  const added = more.filter(({ segmentId }) => !asked.has(segmentId));
  return { segments: [...segments, ...added.map(({ segmentId, pages }) => ({ segmentId, pages }))] };
}

function oldestLive(catalog: Catalog): ReturnType<Unneeded> {
  const { segments } = catalog.manifest();
  return segments.length > 1 ? segments.slice(0, 1) : [];
}

function onlyRetained(catalog: Catalog): ReturnType<Unneeded> {
  const current = catalog.manifest();
  const live = new Set(current.segments.map(({ segmentId }) => segmentId));
  try {
    const before = catalog.manifest(current.generation - 1).segments;
    return before.filter(({ segmentId }) => !live.has(segmentId));
  } catch (error) {
    if (isLzeroError(error, "generation_not_found")) return [];
    throw error;
  }
}

const NAMES = 16;

function reuseKey(key: string): string {
  const [index, segmentId, page] = key.split("/");
  if (segmentId === undefined || page === undefined) return key;
  return `${index}/${Number.parseInt(segmentId.slice(0, 4), 16) % NAMES}/${page}`;
}

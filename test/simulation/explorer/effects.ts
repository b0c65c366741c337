/** What requests do where they arrive: commands of the real catalog, and writes to KV. Each happens wholly or not at all. */
import type { Catalog } from "../../../shared/catalog/catalog.ts";
import type { LocatedDocument } from "../../../shared/catalog/commands.ts";
import { documentKey } from "../../../shared/catalog/document-key.ts";
import { isLzeroError } from "../../../shared/errors.ts";
import { recordCommit, recordDeletion, recordRollback } from "./facts.ts";
import { SnapshotStore } from "./snapshot-store.ts";
import { ingestIdOf, MODEL, openCatalog, type State, segmentIdOf, segmentNameOf } from "./state.ts";
import type { ExplorerVariant } from "./variants.ts";

export type Effect =
  | { readonly to: "stage"; readonly segment: string; readonly replaces: readonly string[] }
  | { readonly to: "write"; readonly segment: string }
  | { readonly to: "locate"; readonly segment: string; readonly origins: readonly Origin[] }
  | { readonly to: "commit"; readonly segment: string; readonly origins: readonly Origin[] }
  | { readonly to: "abort"; readonly segment: string }
  | { readonly to: "collect"; readonly collected: readonly string[] }
  | { readonly to: "erase"; readonly segments: readonly string[] }
  | { readonly to: "remove"; readonly document: string; readonly version: number }
  | { readonly to: "roll back"; readonly generation: number }
  | { readonly to: "put"; readonly generation: number };

/** Message and position of one document of a segment; none in merges. */
export type Origin = readonly [message: number, position: number];

export interface Done {
  readonly state: State;
  /** The code of a typed error, which is an answer as well; null when it was done. */
  readonly error: string | null;
  /** What `collect` offered. */
  readonly offered: readonly string[];
}

export function applyEffect(state: State, effect: Effect, variant: ExplorerVariant): Done {
  switch (effect.to) {
    case "write":
      return done({ ...state, pages: addSorted(state.pages, effect.segment) });
    case "erase":
      return done({ ...state, pages: state.pages.filter((segment) => !effect.segments.includes(segment)) });
    case "put":
      return done({ ...state, shown: effect.generation, put: addSorted(state.put, effect.generation) });
    case "stage": {
      const { segment, replaces } = effect;
      const documents = state.segments[segment]!.length;
      return command(state, effect, variant, (catalog) => {
        const size = { checksum: "0", pages: 1, documents, sizeBytes: 1 };
        catalog.stage({ ...describe(segment), model: MODEL, ...size, replaces: replaces.map(segmentIdOf) });
      });
    }
    case "locate": {
      const { segment, origins } = effect;
      const documents = state.segments[segment]!.map(([document, version], at): LocatedDocument => {
        const [message, position] = origins[at] ?? [null, null];
        const key = documentKey(document);
        return [
          key,
          variant.breakVersion?.(version) ?? version,
          message === null ? null : ingestIdOf(message),
          position,
        ];
      });
      return command(state, effect, variant, (catalog) =>
        catalog.locate({ ...describe(segment), firstOrdinal: 0, documents }),
      );
    }
    case "commit": {
      const { segment, origins } = effect;
      const isNew = !state.committed.includes(segment);
      const committed = command(state, effect, variant, (catalog) => {
        catalog.commit(describe(segment));
      });
      if (committed.error !== null || !isNew) return committed;
      const facts = recordCommit(state.facts, state.segments[segment]!, origins);
      return done(
        withGeneration(
          { ...committed.state, facts, committed: addSorted(state.committed, segment) },
          variant,
        ),
      );
    }
    case "abort":
      return command(state, effect, variant, (catalog) => catalog.abort(describe(effect.segment)));
    case "collect": {
      let offered: readonly string[] = [];
      const request = { collected: effect.collected.map(segmentIdOf), graceMs: 0 };
      const collected = command(state, effect, variant, (catalog) => {
        const answer = variant.breakCollect?.(catalog, request) ?? catalog.collect(request);
        offered = answer.segments.map(({ segmentId }) => segmentNameOf(segmentId));
      });
      return { ...collected, offered };
    }
    case "remove": {
      const { document, version } = effect;
      const removed = command(state, effect, variant, (catalog) => {
        catalog.remove({ documents: [{ key: documentKey(document), version }] });
      });
      const facts = recordDeletion(state.facts, document, version, state.generations.length - 1);
      return done(withGeneration({ ...removed.state, facts }, variant));
    }
    case "roll back": {
      const { generation } = effect;
      const before = state.generations.length - 1;
      const restored = command(state, effect, variant, (catalog) => {
        catalog.rollback({ to: generation, expected: before });
      });
      if (restored.error !== null || generation === before) return restored;
      const facts = recordRollback(state.facts, state.generations[generation]!.live, generation);
      return done(withGeneration({ ...restored.state, facts }, variant));
    }
  }
}

/** Runs a command on a copy of the storage. @throws what is no typed error */
function command(
  state: State,
  { to }: Effect,
  variant: ExplorerVariant,
  run: (catalog: Catalog) => void,
): Done {
  const store = new SnapshotStore(state.store);
  try {
    run(openCatalog(store, state.nowMs, variant, to));
  } catch (error) {
    if (!isLzeroError(error)) throw error;
    return { state, error: error.code, offered: [] };
  }
  return done({ ...state, store });
}

/** Notes the current generation, if it is a new one. */
function withGeneration(state: State, variant: ExplorerVariant): State {
  const { generation, segments } = openCatalog(state.store, state.nowMs, variant).manifest();
  if (generation === state.generations.length - 1) return state;
  const dead = segments.map(({ segmentId, tombstones }) => [segmentNameOf(segmentId), [...tombstones]]);
  const made = {
    segments: segments.map(({ segmentId }) => segmentNameOf(segmentId)),
    dead: Object.fromEntries(dead),
    live: state.facts.live,
  };
  return { ...state, generations: [...state.generations, made] };
}

function describe(segment: string): { segmentId: string } {
  return { segmentId: segmentIdOf(segment) };
}

function done(state: State): Done {
  return { state, error: null, offered: [] };
}

function addSorted<Item extends string | number>(items: readonly Item[], item: Item): readonly Item[] {
  if (items.includes(item)) return items;
  return [...items, item].sort((a, b) => (a < b ? -1 : 1));
}

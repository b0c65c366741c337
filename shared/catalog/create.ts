/** Making an index, and its statistics. */
import { LzeroError } from "../errors.ts";
import type { CatalogStatus, IndexSettings } from "./commands.ts";
import { type CatalogContext, findState, readState, writeState } from "./context.ts";
import {
  editGeneration,
  publishGeneration,
  readGeneration,
  readSegment,
  writeGeneration,
} from "./generations.ts";
import { countPending } from "./ingests.ts";
import type { IndexState } from "./rows.ts";
import { formatShardPlace, type ShardPlace } from "./shard-place.ts";

export interface CreateResponse {
  /** False when the index was there already with equal settings. */
  readonly created: boolean;
}

/**
 * Makes an index with generation 0, which is empty, so that readers find it. Of an index that is there, `idf` may be
 * changed; every other setting must be equal.
 * @param shard its place in a sharded index; null: the index is whole. Fixed for its life too
 * @throws LzeroError `index_conflict`
 */
export function create(
  context: CatalogContext,
  settings: IndexSettings,
  shard: ShardPlace | null = null,
): CreateResponse {
  const existing = findState(context);
  if (existing !== null) {
    requireSamePlace(context, existing.shard ?? null, shard);
    if (equalSettings(existing.settings, settings)) {
      if (existing.settings.idf !== settings.idf) changeIdf(context, existing, settings.idf);
      return { created: false };
    }
    throw new LzeroError("index_conflict", `index "${context.index}" exists with other settings`, {
      index: context.index,
      encoder: existing.settings.encoder,
      versions: existing.settings.versions,
      encodedFields: existing.settings.encodedFields,
      averageLength: existing.settings.averageLength,
    });
  }
  const { encoder, versions, encodedFields, idf, averageLength } = settings;
  writeGeneration(context, 0, [], { why: "create" });
  writeState(context, {
    index: context.index,
    settings: { encoder, versions, encodedFields: [...encodedFields], idf, averageLength },
    ...(shard === null ? {} : { shard }),
    createdAtMs: context.nowMs,
    model: null,
    snapshot: null,
    generation: 0,
    nextVersion: 1,
    nextSegment: 1,
    pending: 0,
    outbox: { publishedGeneration: -1, lastPutAtMs: null, attempts: 0, confirmAtMs: null },
  });
  return { created: true };
}

export function status(context: CatalogContext): CatalogStatus {
  const state = readState(context);
  const live = readGeneration(context, state.generation).segments;
  const segments = live.map(({ segment, tombstones }) => {
    const { segmentId, pages, documents, sizeBytes } = readSegment(context, segment);
    return { segmentId, pages, documents, tombstones, sizeBytes };
  });
  return {
    index: state.index,
    settings: state.settings,
    ...(state.shard === undefined ? {} : { shard: state.shard }),
    model: state.model,
    snapshot: state.snapshot,
    generation: state.generation,
    publishedGeneration: state.outbox.publishedGeneration,
    documents: segments.reduce((sum, { documents, tombstones }) => sum + documents - tombstones, 0),
    ...countPending(context, state),
    segments,
  };
}

/** The batch job notices the change and publishes the tables that it asks for. */
function changeIdf(context: CatalogContext, state: IndexState, idf: IndexSettings["idf"]): void {
  state.settings = { ...state.settings, idf };
  const edit = editGeneration(context, state);
  publishGeneration(context, state, edit, edit.live, { why: "idf", force: true });
  writeState(context, state);
}

function requireSamePlace(
  { index }: CatalogContext,
  existing: ShardPlace | null,
  wanted: ShardPlace | null,
): void {
  const describe = (shard: ShardPlace | null): string =>
    shard === null ? "a whole index" : `shard ${formatShardPlace(shard)}`;
  if (describe(existing) === describe(wanted)) return;
  const message = `"${index}" exists here as ${describe(existing)}, not as ${describe(wanted)}`;
  throw new LzeroError("index_conflict", message, { index });
}

/** Fields are compared in order: it is the order in which they are joined for encoding. */
function equalSettings(a: IndexSettings, b: IndexSettings): boolean {
  return (
    a.encoder === b.encoder &&
    a.versions === b.versions &&
    a.averageLength === b.averageLength &&
    a.encodedFields.join() === b.encodedFields.join()
  );
}

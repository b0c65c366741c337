/**
 * Generations: numbered lists of live segments. A change of the index reads the current one as an edit, and either
 * publishes the next one or, when nothing changed, leaves all as it is.
 */
import { LzeroError } from "../errors.ts";
import type { Manifest } from "../format/manifest.ts";
import type { ModelBinding } from "./commands.ts";
import type { CatalogContext } from "./context.ts";
import type { GenerationReason } from "./history-commands.ts";
import { generationKey, kindPrefix, readUint64, segmentKey, viewOf } from "./keys.ts";
import { prefixRange } from "./ordered-store.ts";
import {
  decodeJsonRow,
  encodeJsonRow,
  type GenerationRow,
  type IndexState,
  type LiveEntry,
  type RestoredGeneration,
  type SegmentRow,
} from "./rows.ts";
import { pruneTombstones, type RetainedGenerations, TombstoneView } from "./tombstones.ts";

/** Generations forgotten by one command at most, so that no command grows without bound. */
const MAX_PRUNED_AT_ONCE = 100;

/** @throws LzeroError `generation_not_found` when it was never made or is no longer retained */
export function readGeneration(context: CatalogContext, generation: number): GenerationRow {
  const value = context.store.get(generationKey(generation));
  if (value === null) {
    throw new LzeroError("generation_not_found", `generation ${generation} is not retained`, { generation });
  }
  return decodeJsonRow<GenerationRow>(value);
}

/**
 * A generation that an operator names.
 * @throws LzeroError `generation_not_found` when it was never made, `generation_collected` when it is not retained
 */
export function requireGeneration(
  context: CatalogContext,
  state: IndexState,
  generation: number,
): GenerationRow {
  const value = context.store.get(generationKey(generation));
  if (value !== null) return decodeJsonRow<GenerationRow>(value);
  const { generation: current } = state;
  if (generation > current) {
    throw new LzeroError(
      "generation_not_found",
      `generation ${generation} was never made, the current one is ${current}`,
      { generation, current },
    );
  }
  throw new LzeroError(
    "generation_collected",
    `generation ${generation} is no longer retained: its pages may be gone`,
    { generation, current },
  );
}

export function readSegment(context: CatalogContext, segment: number): SegmentRow {
  const value = context.store.get(segmentKey(segment));
  if (value === null) {
    throw new LzeroError("catalog_inconsistent", `segment number ${segment} has no record`, { segment });
  }
  return decodeJsonRow<SegmentRow>(value);
}

export function writeSegment(context: CatalogContext, row: SegmentRow): void {
  context.store.put(segmentKey(row.segment), encodeJsonRow(row));
}

/** The current generation as a change begins to edit it; for a rollback with the tombstones of an older one. */
export interface GenerationEdit {
  readonly live: readonly LiveEntry[];
  readonly tombstones: TombstoneView;
}

/** What makes a generation, and what is to be remembered of it. */
export interface GenerationChange {
  readonly why: GenerationReason;
  /** Makes a generation even when neither segments nor tombstones changed (a model was pinned). */
  readonly force?: boolean;
  readonly restored?: RestoredGeneration;
}

export function editGeneration(context: CatalogContext, state: IndexState): GenerationEdit {
  return {
    live: readGeneration(context, state.generation).segments,
    tombstones: new TombstoneView(context.store, state.generation),
  };
}

/**
 * Makes the next generation of an edit.
 * @param segments its segments in order, with the tombstone counts from before the edit's additions; those with no
 *   live document left are not taken over, since every query would read them for nothing
 * @returns the generation that is current now; `state` is changed, and written by the caller
 */
export function publishGeneration(
  context: CatalogContext,
  state: IndexState,
  edit: GenerationEdit,
  segments: readonly LiveEntry[],
  change: GenerationChange,
): number {
  const kept = segments
    .map((entry) => ({ ...entry, tombstones: entry.tombstones + edit.tombstones.added(entry.segment) }))
    .filter((entry) => entry.tombstones < entry.documents);
  const numbers = new Set(kept.map((entry) => entry.segment));
  const sameList = kept.length === edit.live.length && kept.every((entry, i) => same(entry, edit.live[i]!));
  if (sameList && change.force !== true) return state.generation;

  state.generation += 1;
  writeGeneration(context, state.generation, kept, change);
  edit.tombstones.write(state.generation, numbers);
  const before = new Set(edit.live.map((entry) => entry.segment));
  for (const { segment } of kept) {
    if (before.has(segment)) continue;
    const row = readSegment(context, segment);
    if (row.leftAtMs !== null) writeSegment(context, { ...row, leftAtMs: null, emptied: false });
  }
  const listed = new Set(segments.map((entry) => entry.segment));
  for (const { segment } of edit.live) {
    if (numbers.has(segment)) continue;
    const row = readSegment(context, segment);
    writeSegment(context, { ...row, leftAtMs: context.nowMs, emptied: listed.has(segment) });
  }
  const retained = pruneGenerations(context, state);
  for (const segment of edit.tombstones.changedSegments()) pruneTombstones(context.store, segment, retained);
  return state.generation;
}

export function writeGeneration(
  context: CatalogContext,
  generation: number,
  segments: readonly LiveEntry[],
  { why, restored }: GenerationChange,
): void {
  const row = { createdAtMs: context.nowMs, segments, why, ...(restored === undefined ? {} : { restored }) };
  context.store.put(generationKey(generation), encodeJsonRow(row));
}

/** Forgets the generations that are retained no longer, oldest first. @returns those that still are */
export function pruneGenerations(context: CatalogContext, state: IndexState): RetainedGenerations {
  const { expired, retained } = findExpired(context, state);
  for (const generation of expired) context.store.delete(generationKey(generation));
  return retained;
}

/** Which generations are retained no longer, a bounded number of them, and which are. Changes nothing. */
export function findExpired(
  context: CatalogContext,
  state: IndexState,
): { readonly expired: readonly number[]; readonly retained: RetainedGenerations } {
  const { generationRetentionMs, maxRetainedGenerations } = context.config;
  const pins = state.pins ?? [];
  const limit = MAX_PRUNED_AT_ONCE + pins.length + 1;
  const rows = context.store.list({ ...prefixRange(kindPrefix("g")), limit });
  const expired: number[] = [];
  for (const [i, { key }] of rows.entries()) {
    const generation = readUint64(viewOf(key), 1);
    const next = rows[i + 1];
    if (generation === state.generation || next === undefined) {
      return { expired, retained: { pins, oldest: generation } };
    }
    if (pins.includes(generation)) continue;
    // One whose successor is forgotten already was pinned until now: it is older than what is retained.
    const isNextThere = readUint64(viewOf(next.key), 1) === generation + 1;
    const replacedAtMs = decodeJsonRow<GenerationRow>(next.value).createdAtMs;
    const isRetained =
      isNextThere &&
      context.nowMs - replacedAtMs < generationRetentionMs &&
      state.generation - generation < maxRetainedGenerations;
    if (isRetained) return { expired, retained: { pins, oldest: generation } };
    expired.push(generation);
  }
  return { expired, retained: { pins, oldest: state.generation } };
}

/**
 * The segments of every retained generation, the current one included.
 * @param except generations that count as forgotten
 * @returns by segment number the newest generation that has it
 */
export function retainedSegments(
  context: CatalogContext,
  except: readonly number[] = [],
): Map<number, number> {
  const forgotten = new Set(except);
  const newest = new Map<number, number>();
  for (const { key, value } of context.store.list(prefixRange(kindPrefix("g")))) {
    const generation = readUint64(viewOf(key), 1);
    if (forgotten.has(generation)) continue;
    for (const { segment } of decodeJsonRow<GenerationRow>(value).segments) newest.set(segment, generation);
  }
  return newest;
}

/** Describes a retained generation as the manifest that readers take. */
export function describeGeneration(
  context: CatalogContext,
  state: IndexState,
  generation: number = state.generation,
): Manifest {
  const row = readGeneration(context, generation);
  const tombstones = new TombstoneView(context.store, generation);
  return {
    index: state.index,
    generation,
    createdAtMs: row.createdAtMs,
    settings: state.settings,
    model: boundModel(state),
    segments: row.segments.map((entry) => {
      const segment = readSegment(context, entry.segment);
      return {
        segmentId: segment.segmentId,
        pages: segment.pages,
        documents: segment.documents,
        sizeBytes: segment.sizeBytes,
        checksum: segment.checksum,
        tombstones:
          entry.tombstones === 0 ? new Uint32Array() : tombstones.ordinals(entry.segment, segment.documents),
      };
    }),
  };
}

/** The model with the tables that queries are weighted by now. */
function boundModel({ model, snapshot }: IndexState): ModelBinding | null {
  return model === null || snapshot === null ? model : { ...model, tables: snapshot.tables };
}

function same(a: LiveEntry, b: LiveEntry): boolean {
  return a.segment === b.segment && a.tombstones === b.tombstones;
}

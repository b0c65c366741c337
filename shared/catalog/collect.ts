/**
 * Garbage: which segments' pages may be deleted, and forgetting those whose pages are gone. The catalog knows every
 * segment that was ever staged, so nothing has to be listed in KV.
 *
 * What is offered once stays offered: an expired lease is made final and generations are forgotten in the same
 * transaction, so that no later command, nor a clock that is set back, can make use of pages that may be gone.
 *
 * Every segment is offered a second time when its id is forgotten: a writer that was held up, or a request that was,
 * may store a page after the first collection, and nobody else would know of it. A committed one's too: a put whose
 * answer was lost is sent again, and the first one may come late after a clock has jumped (simulation, seed 1238).
 */
import { LzeroError } from "../errors.ts";
import type { CollectRequest, CollectResponse } from "./commands.ts";
import { deleteConditions } from "./conditions.ts";
import { type CatalogContext, readState } from "./context.ts";
import {
  findExpired,
  pruneGenerations,
  readGeneration,
  retainedSegments,
  writeSegment,
} from "./generations.ts";
import type { GarbageRequest, GarbageResponse, GarbageSegment } from "./history-commands.ts";
import {
  chunkPrefix,
  idKey,
  kindPrefix,
  locationKey,
  segmentKey,
  timedId,
  timedKey,
  timedStart,
} from "./keys.ts";
import { prefixRange, type StoredEntry } from "./ordered-store.ts";
import {
  decodeChunk,
  decodeJsonRow,
  decodePageCount,
  encodePageCount,
  encodeSegmentNumber,
  type SegmentRow,
} from "./rows.ts";
import { DEAD_SEGMENT, findSegment } from "./segments.ts";
import { deleteTombstones, pruneTombstones } from "./tombstones.ts";

/** Segments that one answer names at most. */
const MAX_OFFERED_AT_ONCE = 1000;
/**
 * Documents whose locations one command deletes at about most (whole chunks), so that no transaction grows with the
 * index; what is left of a segment is offered again and goes when it is confirmed again.
 */
const MAX_FORGOTTEN_DOCUMENTS = 50_000;
/** Dead segment ids that one command forgets at most. */
const MAX_FORGOTTEN_AT_ONCE = 200;

export function collect(context: CatalogContext, request: CollectRequest): CollectResponse {
  const state = readState(context);
  const generations = pruneGenerations(context, state);
  const retained = retainedSegments(context);
  let budget = MAX_FORGOTTEN_DOCUMENTS;
  for (const segmentId of request.collected) {
    if (budget > 0) budget -= forgetSegment(context, segmentId, retained, budget);
  }
  const again = forgetDeadIds(context, new Set(request.collected));

  const { segments: live } = readGeneration(context, state.generation);
  for (const { segment } of live) pruneTombstones(context.store, segment, generations);
  const segments = again;
  for (const { value } of context.store.list(prefixRange(kindPrefix("n")))) {
    if (segments.length >= MAX_OFFERED_AT_ONCE) break;
    const row = decodeJsonRow<SegmentRow>(value);
    if (!isGarbage(context, row, retained, request.graceMs)) continue;
    if (row.state === "staged") writeSegment(context, { ...row, state: "dead" });
    segments.push({ segmentId: row.segmentId, pages: row.pages });
  }
  return { segments };
}

/** What a collection would find now, and what keeps the rest. Changes nothing. */
export function findGarbage(context: CatalogContext, { graceMs }: GarbageRequest): GarbageResponse {
  const state = readState(context);
  const retained = retainedSegments(context, findExpired(context, state).expired);
  const segments: GarbageSegment[] = [];
  for (const { key, value } of listDeadIds(context)) {
    const pages = decodePageCount(value);
    if (pages === 0) continue;
    const segmentId = timedId(key);
    segments.push({
      segmentId,
      pages,
      why: "collected_before",
      keptBy: null,
      documents: null,
      sizeBytes: null,
    });
  }
  for (const { value } of context.store.list(prefixRange(kindPrefix("n")))) {
    const row = decodeJsonRow<SegmentRow>(value);
    const newest = retained.get(row.segment);
    const isWanted =
      newest === state.generation || (row.state === "staged" && context.nowMs < row.leaseUntilMs);
    if (isWanted) continue;
    const { segmentId, pages, documents, sizeBytes } = row;
    const untilMs = row.state === "committed" && row.leftAtMs !== null ? row.leftAtMs + graceMs : null;
    const isGraceOver = untilMs === null || context.nowMs >= untilMs;
    segments.push({
      segmentId,
      pages,
      why: row.state === "committed" ? "replaced" : row.state === "staged" ? "lease_expired" : "given_up",
      keptBy: newest !== undefined ? { generation: newest } : isGraceOver ? null : { untilMs: untilMs! },
      documents,
      sizeBytes,
    });
  }
  return { segments };
}

function isGarbage(
  context: CatalogContext,
  row: SegmentRow,
  retained: ReadonlyMap<number, number>,
  graceMs: number,
): boolean {
  switch (row.state) {
    case "dead":
      return true;
    case "staged":
      return context.nowMs >= row.leaseUntilMs;
    case "committed":
      return !retained.has(row.segment) && row.leftAtMs !== null && context.nowMs - row.leftAtMs >= graceMs;
  }
}

/**
 * Deletes all that the catalog keeps of a collected segment but its id, which stays unusable for a time.
 * @param budget documents after which it stops, to go on in a later command
 * @returns the documents that were forgotten
 * @throws LzeroError `segment_in_use` when its pages are still needed
 */
function forgetSegment(
  context: CatalogContext,
  segmentId: string,
  retained: ReadonlyMap<number, number>,
  budget: number,
): number {
  const row = findSegment(context, segmentId);
  if (row === null) return 0;
  if (row.state === "staged" || retained.has(row.segment)) {
    throw new LzeroError("segment_in_use", `segment ${segmentId} was never offered for collection`, {
      segmentId,
    });
  }
  if (row.state !== "dead") writeSegment(context, { ...row, state: "dead" });
  let forgotten = 0;
  for (;;) {
    const [chunk] = context.store.list({ ...prefixRange(chunkPrefix(row.segment)), limit: 1 });
    if (chunk === undefined) break;
    if (forgotten >= budget) return forgotten;
    for (const [documentKey] of decodeChunk(chunk.value)) {
      context.store.delete(locationKey(documentKey, row.segment));
      forgotten += 1;
    }
    context.store.delete(chunk.key);
  }
  deleteConditions(context, row.segment);
  deleteTombstones(context.store, row.segment);
  context.store.delete(segmentKey(row.segment));
  context.store.put(idKey("m", segmentId), encodeSegmentNumber(DEAD_SEGMENT));
  context.store.put(timedKey("z", context.nowMs, segmentId), encodePageCount(row.pages));
  return forgotten;
}

/**
 * Forgets dead segment ids as long after their collection as deletions are remembered; a bounded number a call.
 * @returns those that have to be collected once more before
 */
function forgetDeadIds(
  context: CatalogContext,
  collected: ReadonlySet<string>,
): { segmentId: string; pages: number }[] {
  const again: { segmentId: string; pages: number }[] = [];
  for (const { key, value } of listDeadIds(context)) {
    const segmentId = timedId(key);
    const pages = decodePageCount(value);
    if (pages > 0 && !collected.has(segmentId)) {
      again.push({ segmentId, pages });
    } else {
      context.store.delete(idKey("m", segmentId));
      context.store.delete(key);
    }
  }
  return again;
}

/** Dead segment ids whose time to be forgotten has come, oldest first. */
function listDeadIds(context: CatalogContext): StoredEntry[] {
  return context.store.list({
    start: kindPrefix("z"),
    end: timedStart("z", context.nowMs - context.config.deletionRetentionMs),
    limit: MAX_FORGOTTEN_AT_ONCE,
  });
}

/**
 * Segments before their commit: staged under a lease, their documents located, or given up. A segment whose lease has
 * run out is fenced: it can be neither located nor committed, and staging it again is refused, so its id is dead.
 */
import { LzeroError } from "../errors.ts";
import type {
  AbortRequest,
  LocatedDocument,
  LocateRequest,
  ModelBinding,
  StageRequest,
  StageResponse,
} from "./commands.ts";
import { writeConditions } from "./conditions.ts";
import { type CatalogContext, readState, writeState } from "./context.ts";
import { readSegment, writeSegment } from "./generations.ts";
import { chunkKey, chunkPrefix, idKey, locationKey } from "./keys.ts";
import { prefixRange } from "./ordered-store.ts";
import {
  chunkLength,
  decodeChunk,
  decodeLocation,
  decodeSegmentNumber,
  encodeChunk,
  encodeLocation,
  encodeSegmentNumber,
  type SegmentRow,
} from "./rows.ts";

/** Number of a segment id that must not be used again. */
export const DEAD_SEGMENT = 0;

/**
 * Announces a segment. Staging it again with the same description renews its lease while that runs; after its commit
 * it answers the lease it had.
 */
export function stage(context: CatalogContext, request: StageRequest): StageResponse {
  const state = readState(context);
  requireModel(state.model, request.model);
  const known = findSegment(context, request.segmentId);
  if (known !== null) return renewLease(context, known, request);
  if (isDeadId(context, request.segmentId)) throw segmentExists(request.segmentId, "its id was used before");

  const { segmentId, model, checksum, pages, documents, sizeBytes, replaces } = request;
  const segment = state.nextSegment;
  state.nextSegment += 1;
  const leaseUntilMs = context.nowMs + context.config.leaseMs;
  writeSegment(context, {
    segmentId,
    segment,
    state: "staged",
    model,
    checksum,
    pages,
    documents,
    sizeBytes,
    replaces: [...new Set(replaces)],
    leaseUntilMs,
    commit: null,
    leftAtMs: null,
    emptied: false,
  });
  context.store.put(idKey("m", segmentId), encodeSegmentNumber(segment));
  writeState(context, state);
  return { leaseUntilMs };
}

/** Takes a chunk of a staged segment's documents; the same chunk again changes nothing. Chunks may come in any order. */
export function locate(context: CatalogContext, request: LocateRequest): void {
  readState(context);
  const row = requireStaged(context, request.segmentId);
  const { firstOrdinal, documents } = request;
  if (firstOrdinal + documents.length > row.documents) {
    throw new LzeroError(
      "locate_conflict",
      `segment ${row.segmentId} was staged with ${row.documents} documents, the chunk ends at ${firstOrdinal + documents.length}`,
      {
        segmentId: row.segmentId,
        firstOrdinal,
        expected: row.documents,
        actual: firstOrdinal + documents.length,
      },
    );
  }
  const key = chunkKey(row.segment, firstOrdinal);
  const chunk = encodeChunk(documents);
  const before = context.store.get(key);
  if (before !== null) {
    if (equalBytes(before, chunk)) return;
    throw new LzeroError(
      "locate_conflict",
      `segment ${row.segmentId} has other documents from ordinal ${firstOrdinal} on already`,
      { segmentId: row.segmentId, firstOrdinal },
    );
  }
  context.store.put(key, chunk);
  writeConditions(context, row.segment, firstOrdinal, documents);
  documents.forEach((document, i) => {
    writeLocation(context, row.segment, document, firstOrdinal + i);
  });
}

/** Gives up a staged segment; an unknown or dead one is no error. @throws LzeroError `segment_committed` */
export function abort(context: CatalogContext, request: AbortRequest): void {
  readState(context);
  const row = findSegment(context, request.segmentId);
  if (row === null || row.state === "dead") return;
  if (row.state === "committed") {
    throw new LzeroError("segment_committed", `segment ${row.segmentId} is committed already`, {
      segmentId: row.segmentId,
    });
  }
  writeSegment(context, { ...row, state: "dead" });
}

export function findSegment(context: CatalogContext, segmentId: string): SegmentRow | null {
  const value = context.store.get(idKey("m", segmentId));
  if (value === null) return null;
  const segment = decodeSegmentNumber(value);
  return segment === DEAD_SEGMENT ? null : readSegment(context, segment);
}

/** @throws LzeroError `segment_not_staged`, `lease_expired` */
export function requireStaged(context: CatalogContext, segmentId: string): SegmentRow {
  const row = findSegment(context, segmentId);
  if (row === null || row.state !== "staged") {
    throw new LzeroError("segment_not_staged", `segment ${segmentId} is not staged`, {
      segmentId,
      state: row?.state ?? null,
    });
  }
  requireLease(context, row);
  return row;
}

/** @throws LzeroError `model_mismatch` when the index is bound to another model */
export function requireModel(pinned: ModelBinding | null, model: ModelBinding): void {
  if (pinned === null || equalModels(pinned, model)) return;
  throw new LzeroError(
    "model_mismatch",
    `the index is bound to model ${pinned.fingerprint}, the segment was made with ${model.fingerprint}: start the consumer with the model of the index, or write into a new index`,
    {
      expected: pinned.fingerprint,
      actual: model.fingerprint,
      expectedTables: pinned.tables,
      actualTables: model.tables,
    },
  );
}

/** The located documents of a segment, chunk by chunk in the order of ordinals. */
export function* readChunks(
  context: CatalogContext,
  segment: number,
): Generator<{ firstOrdinal: number; documents: LocatedDocument[] }> {
  let firstOrdinal = 0;
  for (;;) {
    const value = context.store.get(chunkKey(segment, firstOrdinal));
    if (value === null) return;
    yield { firstOrdinal, documents: decodeChunk(value) };
    firstOrdinal += chunkLength(value);
  }
}

/** @throws LzeroError `segment_incomplete` unless the chunks cover every ordinal exactly once */
export function requireComplete(context: CatalogContext, row: SegmentRow): void {
  let located = 0;
  for (;;) {
    const value = context.store.get(chunkKey(row.segment, located));
    if (value === null) break;
    located += chunkLength(value);
  }
  const stored = context.store.list(prefixRange(chunkPrefix(row.segment)));
  const total = stored.reduce((sum, { value }) => sum + chunkLength(value), 0);
  if (located !== row.documents || total !== row.documents) {
    throw new LzeroError(
      "segment_incomplete",
      `segment ${row.segmentId} has ${row.documents} documents, ${located} of them located without a gap`,
      { segmentId: row.segmentId, expected: row.documents, actual: located },
    );
  }
}

function renewLease(context: CatalogContext, row: SegmentRow, request: StageRequest): StageResponse {
  const same =
    equalModels(row.model, request.model) &&
    row.checksum === request.checksum &&
    row.pages === request.pages &&
    row.documents === request.documents &&
    row.sizeBytes === request.sizeBytes &&
    row.replaces.join() === [...new Set(request.replaces)].join();
  if (!same) throw segmentExists(row.segmentId, "it was staged with another description");
  if (row.state === "dead") throw segmentExists(row.segmentId, "it was given up");
  if (row.state === "committed") return { leaseUntilMs: row.leaseUntilMs };
  requireLease(context, row);
  const leaseUntilMs = Math.max(row.leaseUntilMs, context.nowMs + context.config.leaseMs);
  writeSegment(context, { ...row, leaseUntilMs });
  return { leaseUntilMs };
}

function requireLease(context: CatalogContext, row: SegmentRow): void {
  if (context.nowMs < row.leaseUntilMs) return;
  throw new LzeroError("lease_expired", `the lease of segment ${row.segmentId} has expired`, {
    segmentId: row.segmentId,
    leaseUntilMs: row.leaseUntilMs,
    nowMs: context.nowMs,
  });
}

function isDeadId(context: CatalogContext, segmentId: string): boolean {
  return context.store.get(idKey("m", segmentId)) !== null;
}

function segmentExists(segmentId: string, why: string): LzeroError {
  return new LzeroError("segment_exists", `segment ${segmentId} cannot be staged: ${why}`, { segmentId });
}

function equalModels(a: ModelBinding, b: ModelBinding): boolean {
  return (
    a.fingerprint === b.fingerprint &&
    a.tables === b.tables &&
    a.maxWeight === b.maxWeight &&
    a.impactBits === b.impactBits &&
    a.averageLength === b.averageLength
  );
}

/** Keeps a document's best place in one segment: the highest version, of equal ones the lowest ordinal. */
function writeLocation(
  context: CatalogContext,
  segment: number,
  [documentKey, version]: LocatedDocument,
  ordinal: number,
): void {
  const key = locationKey(documentKey, segment);
  const before = context.store.get(key);
  if (before !== null) {
    const best = decodeLocation(before);
    if (best.version > version || (best.version === version && best.ordinal < ordinal)) return;
  }
  context.store.put(key, encodeLocation({ version, ordinal }));
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

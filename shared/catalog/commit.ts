/**
 * The commit of a staged segment: decides for each of its documents which version is live, makes the next generation
 * and records the outcomes, all in one transaction.
 *
 * Of one document the highest version wins, whatever came first. Of equal versions the committed one stays (it is the
 * same write, delivered again), and a deletion beats a write of its own version. A conditional write must find what it
 * asks for besides (conditions.ts).
 */
import { LzeroError } from "../errors.ts";
import type { CommitRequest, CommitResponse, LocatedDocument } from "./commands.ts";
import {
  type ContestedWrite,
  type ContestVerdict,
  decideContest,
  deleteConditions,
  readConditions,
  VERSION_CONFLICT,
} from "./conditions.ts";
import { type CatalogContext, readState, writeState } from "./context.ts";
import { editGeneration, type GenerationEdit, publishGeneration, writeSegment } from "./generations.ts";
import { OutcomeRecorder } from "./ingests.ts";
import { locationKey } from "./keys.ts";
import { DocumentFinder, type DocumentPlaces } from "./locations.ts";
import { encodeLocation, type LiveEntry, type SegmentRow } from "./rows.ts";
import { findSegment, readChunks, requireComplete, requireModel, requireStaged } from "./segments.ts";

export function commit(context: CatalogContext, request: CommitRequest): CommitResponse {
  const state = readState(context);
  const answered = findSegment(context, request.segmentId)?.commit;
  if (answered) return answered;
  const row = requireStaged(context, request.segmentId);
  requireModel(state.model, row.model);
  requireComplete(context, row);

  const edit = editGeneration(context, state);
  const merge = row.replaces.length > 0;
  const replaced = merge ? requireLive(context, row, edit) : new Set<number>();
  const recorder = new OutcomeRecorder(context, state);
  const decided = merge
    ? decideMerge(context, row, edit, replaced)
    : decideWrites(context, row, edit, recorder);
  const entry = { segment: row.segment, documents: row.documents, tombstones: 0 };
  const pins = state.model === null;
  state.model = row.model;
  const before = state.generation;
  const segments = placeSegment(edit, entry, replaced);
  const why = merge ? "merge" : "publish";
  const generation = publishGeneration(context, state, edit, segments, { why, force: pins });

  const tombstoned = edit.tombstones.added(row.segment);
  const answer = { generation, live: row.documents - tombstoned, tombstoned };
  // A segment without a live document never enters a generation: its pages may go after the grace period.
  const entered = generation > before && answer.live > 0;
  writeSegment(context, {
    ...row,
    state: "committed",
    commit: answer,
    leftAtMs: entered ? null : context.nowMs,
    emptied: !entered,
  });
  for (const { ingestId, position, outcome } of decided) {
    if (typeof outcome === "string") recorder.decide(ingestId, position, outcome, generation);
    else recorder.fail(ingestId, position, "failed", { code: VERSION_CONFLICT, message: outcome.conflict });
  }
  recorder.write();
  writeState(context, state);
  return answer;
}

interface Decided {
  readonly ingestId: string;
  readonly position: number;
  readonly outcome: "indexed" | "superseded" | { readonly conflict: string };
}

/** Sets the tombstones of a segment of new writes, on both sides, and tells how each write ended. */
function decideWrites(
  context: CatalogContext,
  row: SegmentRow,
  edit: GenerationEdit,
  recorder: OutcomeRecorder,
): Decided[] {
  const finder = new DocumentFinder(context, edit, row.segment);
  const contests = decideContests(context, row, edit, finder, recorder);
  const decided: Decided[] = [];
  for (const { firstOrdinal, documents } of readChunks(context, row.segment)) {
    documents.forEach(([documentKey, version, ingestId, position], i) => {
      const ordinal = firstOrdinal + i;
      const contest = contests.get(documentKey);
      if (contest !== undefined) {
        if (contest.winner?.ordinal !== ordinal) edit.tombstones.add(row.segment, ordinal);
        if (ingestId !== null && position !== null) {
          decided.push({ ingestId, position, outcome: contest.outcomes.get(ordinal)! });
        }
        return;
      }
      const places = finder.find(documentKey);
      if (winsOver(places, ordinal, version)) {
        if (places.live !== null) edit.tombstones.add(places.live.segment, places.live.ordinal);
      } else {
        edit.tombstones.add(row.segment, ordinal);
      }
      if (ingestId !== null && position !== null) {
        const highest = Math.max(places.own?.version ?? version, places.live?.version ?? 0);
        const indexed = version >= highest && !isDeleted(places, version);
        decided.push({ ingestId, position, outcome: indexed ? "indexed" : "superseded" });
      }
    });
  }
  return decided;
}

/**
 * Decides the documents of a segment that have a conditional write in it: by key, before any other. The place of a
 * winner is written down, since it need not be the highest version of the segment.
 */
function decideContests(
  context: CatalogContext,
  row: SegmentRow,
  edit: GenerationEdit,
  finder: DocumentFinder,
  recorder: OutcomeRecorder,
): Map<string, ContestVerdict> {
  const verdicts = new Map<string, ContestVerdict>();
  const conditions = readConditions(context, row.segment);
  if (conditions.size === 0) return verdicts;
  const writes = new Map<string, ContestedWrite[]>();
  for (const { firstOrdinal, documents } of readChunks(context, row.segment)) {
    documents.forEach(([documentKey], i) => {
      if (conditions.has(firstOrdinal + i)) writes.set(documentKey, []);
    });
  }
  for (const { firstOrdinal, documents } of readChunks(context, row.segment)) {
    documents.forEach(([documentKey, version, ingestId, position], i) => {
      const ordinal = firstOrdinal + i;
      const ifVersion = conditions.get(ordinal);
      const hasFailed =
        ifVersion !== undefined &&
        ingestId !== null &&
        position !== null &&
        recorder.hasConflict(ingestId, position);
      writes.get(documentKey)?.push({ ordinal, version, ifVersion, hasFailed });
    });
  }
  for (const [documentKey, contested] of writes) {
    const places = finder.find(documentKey);
    const verdict = decideContest(places, contested);
    verdicts.set(documentKey, verdict);
    if (verdict.winner === null) continue;
    if (places.live !== null) edit.tombstones.add(places.live.segment, places.live.ordinal);
    const { version, ordinal } = verdict.winner;
    context.store.put(locationKey(documentKey, row.segment), encodeLocation({ version, ordinal }));
  }
  deleteConditions(context, row.segment);
  return verdicts;
}

function winsOver(places: DocumentPlaces, ordinal: number, version: number): boolean {
  if (places.own === null || places.own.ordinal !== ordinal) return false; // a better one in this very segment
  if (places.live !== null && places.live.version >= version) return false;
  return !isDeleted(places, version);
}

function isDeleted({ deletion }: DocumentPlaces, version: number): boolean {
  return deletion !== null && deletion.version >= version;
}

/**
 * Sets the tombstones of a merged segment: a document of it is alive only where the live version is the very one that
 * was merged. What was overwritten or deleted meanwhile is born tombstoned.
 * @throws LzeroError `merge_conflict` when a live document of the replaced segments is not in the merged one
 */
function decideMerge(
  context: CatalogContext,
  row: SegmentRow,
  edit: GenerationEdit,
  replaced: ReadonlySet<number>,
): Decided[] {
  const finder = new DocumentFinder(context, edit, row.segment);
  let alive = 0;
  for (const { firstOrdinal, documents } of readChunks(context, row.segment)) {
    documents.forEach(([documentKey, version]: LocatedDocument, i) => {
      const { live, own } = finder.find(documentKey);
      const same = live !== null && replaced.has(live.segment) && live.version === version;
      if (same && own?.ordinal === firstOrdinal + i) alive += 1;
      else edit.tombstones.add(row.segment, firstOrdinal + i);
    });
  }
  const expected = edit.live
    .filter(({ segment }) => replaced.has(segment))
    .reduce((sum, { documents, tombstones }) => sum + documents - tombstones, 0);
  if (alive !== expected) {
    throw new LzeroError(
      "merge_conflict",
      `the replaced segments have ${expected} live documents, ${alive} of them are in the merged segment`,
      { segmentId: row.segmentId, expected, actual: alive },
    );
  }
  return [];
}

/**
 * The segments to replace that are live. One whose last document went since it was merged has nothing left to replace.
 * @throws LzeroError `merge_conflict` when one is not live for another reason
 */
function requireLive(context: CatalogContext, row: SegmentRow, edit: GenerationEdit): Set<number> {
  const live = new Set(edit.live.map(({ segment }) => segment));
  const numbers = new Set<number>();
  for (const segmentId of row.replaces) {
    const found = findSegment(context, segmentId);
    if (found?.emptied) continue;
    if (found === null || !live.has(found.segment)) {
      throw new LzeroError("merge_conflict", `segment ${segmentId} is not live any more`, { segmentId });
    }
    numbers.add(found.segment);
  }
  return numbers;
}

/** New writes go to the end; a merged segment takes the place of the first one that it replaces, which keeps ties near. */
function placeSegment(
  edit: GenerationEdit,
  entry: LiveEntry,
  replaced: ReadonlySet<number>,
): readonly LiveEntry[] {
  if (replaced.size === 0) return [...edit.live, entry];
  const first = edit.live.findIndex(({ segment }) => replaced.has(segment));
  return edit.live.flatMap((live, i) => {
    if (i === first) return [entry];
    return replaced.has(live.segment) ? [] : [live];
  });
}

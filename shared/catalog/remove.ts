/** Deletions with memory, and the look-up of one document. */
import { LzeroError } from "../errors.ts";
import type { DocumentLocation, RemoveOutcome, RemoveRequest, RemoveResponse } from "./commands.ts";
import { type CatalogContext, readState, writeState } from "./context.ts";
import { editGeneration, findExpired, publishGeneration, readSegment } from "./generations.ts";
import {
  DELETION_SEGMENT,
  idKey,
  kindPrefix,
  locationKey,
  timedId,
  timedKey,
  timedStart,
  timeOf,
} from "./keys.ts";
import { DocumentFinder } from "./locations.ts";
import {
  type DeletionRow,
  decodeDeletion,
  decodeJsonRow,
  decodeKnownSince,
  encodeDeletion,
  encodeJsonRow,
  encodeKnownSince,
  type IndexState,
  type RemovalRow,
} from "./rows.ts";

/** Deletions that one command forgets at most. */
const MAX_FORGOTTEN_AT_ONCE = 200;

/**
 * Deletes documents whose live version is not higher than the deletion's, and remembers every deletion but those that a
 * higher version has overtaken already.
 */
export function remove(context: CatalogContext, request: RemoveRequest): RemoveResponse {
  const state = readState(context);
  forgetDeletions(context, state);
  forgetRemovals(context);
  const answered = findAnswer(context, request);
  if (answered !== null) return answered;
  const edit = editGeneration(context, state);
  const finder = new DocumentFinder(context, edit);
  // The next generation knows of these deletions, whatever makes it.
  const knownSince = state.generation + 1;
  const outcomes = request.documents.map(({ key, version: given, ifVersion }): RemoveOutcome => {
    const version = deletionVersion(state, given);
    const { live, deletion } = finder.find(key);
    if (ifVersion !== undefined && live?.version !== ifVersion) return "conflict";
    if (live !== null && live.version > version) return "superseded";
    rememberDeletion(context, key, deletion, version, knownSince);
    if (live === null) return "absent";
    edit.tombstones.add(live.segment, live.ordinal);
    return "deleted";
  });
  const generation = publishGeneration(context, state, edit, edit.live, { why: "delete" });
  writeState(context, state);
  const { removal } = request;
  if (removal !== undefined) {
    const row = { digest: removal.digest, generation, outcomes };
    context.store.put(idKey("r", removal.id), encodeJsonRow(row));
    context.store.put(timedKey("y", context.nowMs, removal.id), new Uint8Array());
  }
  return { generation, outcomes };
}

/**
 * The answer that a request with the same Idempotency-Key got.
 * @throws LzeroError `idempotency_conflict`
 */
function findAnswer(context: CatalogContext, { removal }: RemoveRequest): RemoveResponse | null {
  if (removal === undefined) return null;
  const value = context.store.get(idKey("r", removal.id));
  if (value !== null) {
    const { digest, generation, outcomes } = decodeJsonRow<RemovalRow>(value);
    if (digest === removal.digest) return { generation, outcomes };
  } else if (context.store.get(idKey("i", removal.id)) === null) return null;
  throw new LzeroError("idempotency_conflict", `${removal.id} stands for another request`, {
    id: removal.id,
  });
}

/** Forgets requests with an Idempotency-Key as late as ingests, a bounded number a call. */
function forgetRemovals(context: CatalogContext): void {
  const rows = context.store.list({
    start: kindPrefix("y"),
    end: timedStart("y", context.nowMs - context.config.ingestRetentionMs),
    limit: MAX_FORGOTTEN_AT_ONCE,
  });
  for (const { key } of rows) {
    context.store.delete(idKey("r", timedId(key)));
    context.store.delete(key);
  }
}

/** Where a document's live version lies in the current generation; null when it is not there. */
export function lookup(context: CatalogContext, documentKey: string): DocumentLocation | null {
  const state = readState(context);
  const { live } = new DocumentFinder(context, editGeneration(context, state)).find(documentKey);
  if (live === null) return null;
  const { segmentId } = readSegment(context, live.segment);
  return { segmentId, ordinal: live.ordinal, version: live.version };
}

/** @throws LzeroError `version_not_allowed`, `version_required` */
function deletionVersion(state: IndexState, given: number | null): number {
  if (state.settings.versions === "sequence") {
    if (given !== null) {
      throw new LzeroError("version_not_allowed", "this index assigns versions itself", { version: given });
    }
    const version = state.nextVersion;
    state.nextVersion += 1;
    return version;
  }
  if (given === null)
    throw new LzeroError("version_required", "this index needs a version with every deletion");
  return given;
}

function rememberDeletion(
  context: CatalogContext,
  documentKey: string,
  before: DeletionRow | null,
  version: number,
  knownSince: number,
): void {
  if (before !== null && before.version >= version) return;
  if (before !== null) context.store.delete(timedKey("q", before.deletedAtMs, documentKey));
  const row = { version, deletedAtMs: context.nowMs };
  context.store.put(locationKey(documentKey, DELETION_SEGMENT), encodeDeletion(row));
  context.store.put(timedKey("q", row.deletedAtMs, documentKey), encodeKnownSince(knownSince));
}

/**
 * Forgets deletions past their retention, a bounded number a call; but none that a retained generation does not know
 * of, since a rollback to that one would bring the document back.
 */
function forgetDeletions(context: CatalogContext, state: IndexState): void {
  const { pins, oldest } = findExpired(context, state).retained;
  const oldestRetained = Math.min(oldest, ...pins);
  const rows = context.store.list({
    start: kindPrefix("q"),
    end: timedStart("q", context.nowMs - context.config.deletionRetentionMs),
    limit: MAX_FORGOTTEN_AT_ONCE,
  });
  for (const { key, value } of rows) {
    if ((decodeKnownSince(value) ?? 0) > oldestRetained) continue;
    const deletion = locationKey(timedId(key), DELETION_SEGMENT);
    const row = context.store.get(deletion);
    if (row !== null && decodeDeletion(row).deletedAtMs === timeOf(key)) context.store.delete(deletion);
    context.store.delete(key);
  }
}

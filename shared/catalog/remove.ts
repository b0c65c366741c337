/** Deletions with memory, and the look-up of one document. */
import { LzeroError } from "../errors.ts";
import type { DocumentLocation, RemoveRequest, RemoveResponse } from "./commands.ts";
import { type CatalogContext, readState, writeState } from "./context.ts";
import { editGeneration, findExpired, publishGeneration, readSegment } from "./generations.ts";
import { DELETION_SEGMENT, kindPrefix, locationKey, timedId, timedKey, timedStart, timeOf } from "./keys.ts";
import { DocumentFinder } from "./locations.ts";
import {
  type DeletionRow,
  decodeDeletion,
  decodeKnownSince,
  encodeDeletion,
  encodeKnownSince,
  type IndexState,
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
  const edit = editGeneration(context, state);
  const finder = new DocumentFinder(context, edit);
  // The next generation knows of these deletions, whatever makes it.
  const knownSince = state.generation + 1;
  const outcomes = request.documents.map(({ key, version: given }) => {
    const version = deletionVersion(state, given);
    const { live, deletion } = finder.find(key);
    if (live !== null && live.version > version) return "superseded";
    rememberDeletion(context, key, deletion, version, knownSince);
    if (live === null) return "absent";
    edit.tombstones.add(live.segment, live.ordinal);
    return "deleted";
  });
  const generation = publishGeneration(context, state, edit, edit.live, { why: "delete" });
  writeState(context, state);
  return { generation, outcomes };
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

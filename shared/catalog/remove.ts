/** Deletions with memory, and the look-up of one document. */
import { LzeroError } from "../errors.ts";
import type { DocumentLocation, RemoveRequest, RemoveResponse } from "./commands.ts";
import { type CatalogContext, readState, writeState } from "./context.ts";
import { editGeneration, publishGeneration, readSegment } from "./generations.ts";
import { DELETION_SEGMENT, kindPrefix, locationKey, timedId, timedKey, timedStart, timeOf } from "./keys.ts";
import { DocumentFinder } from "./locations.ts";
import { type DeletionRow, decodeDeletion, encodeDeletion, type IndexState } from "./rows.ts";

/** Deletions that one command forgets at most. */
const MAX_FORGOTTEN_AT_ONCE = 200;

/**
 * Deletes documents whose live version is not higher than the deletion's, and remembers every deletion but those that a
 * higher version has overtaken already.
 */
export function remove(context: CatalogContext, request: RemoveRequest): RemoveResponse {
  const state = readState(context);
  forgetDeletions(context);
  const edit = editGeneration(context, state);
  const finder = new DocumentFinder(context, edit);
  const outcomes = request.documents.map(({ key, version: given }) => {
    const version = deletionVersion(state, given);
    const { live, deletion } = finder.find(key);
    if (live !== null && live.version > version) return "superseded";
    rememberDeletion(context, key, deletion, version);
    if (live === null) return "absent";
    edit.tombstones.add(live.segment, live.ordinal);
    return "deleted";
  });
  const generation = publishGeneration(context, state, edit, edit.live, false);
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
): void {
  if (before !== null && before.version >= version) return;
  if (before !== null) context.store.delete(timedKey("q", before.deletedAtMs, documentKey));
  const row = { version, deletedAtMs: context.nowMs };
  context.store.put(locationKey(documentKey, DELETION_SEGMENT), encodeDeletion(row));
  context.store.put(timedKey("q", row.deletedAtMs, documentKey), new Uint8Array());
}

/** Forgets deletions past their retention, a bounded number a call. */
function forgetDeletions(context: CatalogContext): void {
  const rows = context.store.list({
    start: kindPrefix("q"),
    end: timedStart("q", context.nowMs - context.config.deletionRetentionMs),
    limit: MAX_FORGOTTEN_AT_ONCE,
  });
  for (const { key } of rows) {
    const deletion = locationKey(timedId(key), DELETION_SEGMENT);
    const value = context.store.get(deletion);
    if (value !== null && decodeDeletion(value).deletedAtMs === timeOf(key)) context.store.delete(deletion);
    context.store.delete(key);
  }
}

/**
 * The one order in which a segment becomes part of an index: announce it, write its pages, tell where its documents
 * are, commit. A crash between any two steps leaves a staged segment that its lease ends, and nothing else.
 */

import type { ModelBinding } from "../../shared/catalog/commands.ts";
import {
  type CommitResponse,
  type LocatedDocument,
  MAX_LOCATE_CHUNK,
} from "../../shared/catalog/commands.ts";
import { isLzeroError } from "../../shared/errors.ts";
import type { EncodedSegment } from "../../shared/format/segment-writer.ts";
import { pageKey } from "../../shared/storage/keys.ts";
import type { IndexTarget } from "./publish-target.ts";

/** Called after each step has taken effect; what it throws ends the attempt there, as a crash would. */
export type OnStep = (step: string) => void | Promise<void>;

export interface SegmentToWrite {
  readonly segmentId: string;
  readonly encoded: EncodedSegment;
  readonly model: ModelBinding;
  /** In ordinal order. */
  readonly located: readonly LocatedDocument[];
  /** For a merge: the segments that this one takes the place of. */
  readonly replaces: readonly string[];
}

/**
 * Writes a segment and commits it. After a failure the segment is given up, unless that could harm: see `giveUp`.
 * @throws LzeroError of the catalog's commands and of the store
 */
export async function writeSegment(
  target: IndexTarget,
  segment: SegmentToWrite,
  onStep: OnStep,
): Promise<CommitResponse> {
  const { segmentId, encoded } = segment;
  let pagesInDoubt = false;
  try {
    await target.catalog.stage({
      segmentId,
      model: segment.model,
      checksum: encoded.checksum,
      pages: encoded.pages.length,
      documents: encoded.documents,
      sizeBytes: encoded.sizeBytes,
      replaces: [...segment.replaces],
    });
    await onStep("staged");
    pagesInDoubt = true;
    await target.store.write(
      encoded.pages.map((value, page) => ({ key: pageKey(target.index, segmentId, page), value })),
    );
    pagesInDoubt = false;
    await onStep("pages");
    for (let firstOrdinal = 0; firstOrdinal < segment.located.length; firstOrdinal += MAX_LOCATE_CHUNK) {
      const documents = segment.located.slice(firstOrdinal, firstOrdinal + MAX_LOCATE_CHUNK);
      await target.catalog.locate({ segmentId, firstOrdinal, documents: [...documents] });
      await onStep(`located:${firstOrdinal}`);
    }
    const answer = await target.catalog.commit({ segmentId });
    await onStep("committed");
    return answer;
  } catch (error) {
    if (!pagesInDoubt && isLzeroError(error)) {
      const committed = await giveUp(target, segmentId);
      if (committed !== null) return committed;
    }
    throw error;
  }
}

/**
 * Aborts a segment, so that its pages can be collected at once. Only when every page write has ended: a write whose
 * outcome is unknown may still arrive, and after a collection it would leave a page that nobody knows; the lease ends
 * such a segment later.
 * @returns the commit's answer when the commit had taken effect after all
 */
async function giveUp(target: IndexTarget, segmentId: string): Promise<CommitResponse | null> {
  try {
    await target.catalog.abort({ segmentId });
  } catch (error) {
    if (isLzeroError(error, "segment_committed")) return await target.catalog.commit({ segmentId });
    // The lease ends it; the error that led here says more than this one.
  }
  return null;
}

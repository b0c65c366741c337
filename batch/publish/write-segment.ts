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
import type { SegmentSummary } from "../../shared/format/segment-assembly.ts";
import { pageKey } from "../../shared/storage/keys.ts";
import type { PageEntry } from "../../shared/storage/page-store.ts";
import type { IndexTarget } from "./publish-target.ts";
import type { Slices } from "./stored-merge.ts";

/** Called after each step has taken effect; what it throws ends the attempt there, as a crash would. */
export type OnStep = (step: string) => void | Promise<void>;

export interface SegmentToWrite {
  readonly segmentId: string;
  /** Pages by number: an array, or read as they are asked for. */
  readonly encoded: SegmentSummary & { readonly pages: Slices<Uint8Array> };
  readonly model: ModelBinding;
  /** In ordinal order, likewise. */
  readonly located: Slices<LocatedDocument>;
  /** For a merge: the segments that this one takes the place of. */
  readonly replaces: readonly string[];
}

/**
 * Pages of a segment are given to the store so many bytes at once: with base64 and keys one request to KV, which aims
 * at 20 MB.
 */
const BATCH_BYTES = 14 * 1024 * 1024;
/** Staging is repeated after so many batches: it renews the lease, which a slow store would outlast. */
const RENEW_BATCHES = 16;

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
  const stage = () =>
    target.catalog.stage({
      segmentId,
      model: segment.model,
      checksum: encoded.checksum,
      pages: encoded.pages.length,
      documents: encoded.documents,
      sizeBytes: encoded.sizeBytes,
      replaces: [...segment.replaces],
    });
  try {
    await stage();
    await onStep("staged");
    let batches = 0;
    for (const batch of batchPages(target.index, segment)) {
      if (batches > 0 && batches % RENEW_BATCHES === 0) await stage();
      batches += 1;
      pagesInDoubt = true;
      await target.store.write(batch);
      pagesInDoubt = false;
    }
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

/** Pages in the order of their numbers, read batch by batch. */
function* batchPages(index: string, { segmentId, encoded }: SegmentToWrite): Generator<PageEntry[]> {
  let batch: PageEntry[] = [];
  let batchBytes = 0;
  for (let page = 0; page < encoded.pages.length; page++) {
    const [value] = encoded.pages.slice(page, page + 1);
    if (batch.length > 0 && batchBytes + value!.length > BATCH_BYTES) {
      yield batch;
      batch = [];
      batchBytes = 0;
    }
    batch.push({ key: pageKey(index, segmentId, page), value: value! });
    batchBytes += value!.length;
  }
  if (batch.length > 0) yield batch;
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

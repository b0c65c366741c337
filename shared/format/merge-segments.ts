/**
 * Merges segments: decoded roots, their pages and tombstones go in, one segment of the surviving documents comes out,
 * the same as if it had been written from those documents. It works from posting lists and records as they are stored;
 * nothing is encoded again, and of texts nothing is even decoded.
 *
 * `mergeInto` is the merge: what it keeps between its steps goes to spools, pages leave as they get full, and what is in
 * memory is a page of each input, one term's list, and some bytes a document. `mergeSegments` is the same with
 * everything in memory.
 */
import { LzeroError } from "../errors.ts";
import { MAX_SEGMENT_DOCUMENTS } from "./limits.ts";
import { clusterSources } from "./merge-order.ts";
import { mergePostings } from "./merge-postings.ts";
import { type MergedDocument, mergeRecords } from "./merge-records.ts";
import { countSurvivors, type MergeInput, openSources } from "./merge-sources.ts";
import {
  collectPages,
  type EmitPage,
  type EncodedSegment,
  type SegmentOptions,
  type SegmentSummary,
  writePages,
} from "./segment-assembly.ts";
import { type OpenSpool, openMemorySpool } from "./spool.ts";

export type { MergedDocument } from "./merge-records.ts";
export type { MergeInput, PageValues } from "./merge-sources.ts";

export interface MergedSegment {
  readonly segment: EncodedSegment;
  /** In ordinal order. */
  readonly documents: MergedDocument[];
}

export interface MergeOptions extends SegmentOptions {
  /**
   * `given` keeps the order of the documents: input by input, by ordinal. `clustered` lays those together that have the
   * same terms, so that the hits of a query lie in few pages; a million documents take it a minute or two.
   * @default "given"
   */
  readonly order?: "given" | "clustered";
  /** Clustered: at most so many documents are ordered at once, one block after another. @default all */
  readonly blockDocuments?: number;
  /** Clustered: about how much of the documents is in memory at once. @default all */
  readonly bucketBytes?: number;
}

/** Where a merge puts what it makes. */
export interface MergeSink {
  /** Pages 1, 2, … and last the root, page 0. */
  readonly page: EmitPage;
  /** In ordinal order. */
  readonly document: (document: MergedDocument) => void;
}

/**
 * Merges segments into one, in memory.
 * @param newId 32 hex digits, random, never used before
 * @throws LzeroError as `mergeInto`
 */
export function mergeSegments(
  newId: string,
  inputs: readonly MergeInput[],
  options: MergeOptions = {},
): MergedSegment {
  const documents: MergedDocument[] = [];
  const segment = collectPages((page) =>
    mergeInto(newId, inputs, options, openMemorySpool, {
      page,
      document: (document) => documents.push(document),
    }),
  );
  return { segment, documents };
}

/**
 * Merges segments into one.
 * @param newId 32 hex digits, random, never used before
 * @param openSpool makes room for what is kept between the steps: about the segment's size, and its documents twice when
 *   they are clustered
 * @throws LzeroError `segment_input_invalid` for tombstones out of order or range, or an absent page; a decoder's;
 *   `page_too_large`, `segment_too_large`; a spool's
 */
export function mergeInto(
  newId: string,
  inputs: readonly MergeInput[],
  options: MergeOptions,
  openSpool: OpenSpool,
  sink: MergeSink,
): SegmentSummary {
  const sources = openSources(inputs);
  const documents = countSurvivors(sources);
  if (documents > MAX_SEGMENT_DOCUMENTS) {
    throw new LzeroError("segment_too_large", `${documents} documents do not fit one segment`, {
      expected: MAX_SEGMENT_DOCUMENTS,
      actual: documents,
    });
  }
  const isReordered = options.order === "clustered";
  const everything = Number.POSITIVE_INFINITY;
  if (isReordered) clusterSources(sources, options.blockDocuments ?? everything);
  const lists = openSpool("lists");
  const { columns, cuts } = mergePostings(sources, lists);
  const merged = mergeRecords(sources, {
    isReordered,
    bucketBytes: options.bucketBytes ?? everything,
    openSpool,
  });
  const records = passOn(merged, sink);
  const summary = writePages(newId, { documents, columns, lists, cuts, records }, options, sink.page);
  lists.discard();
  return summary;
}

function* passOn(merged: ReturnType<typeof mergeRecords>, sink: MergeSink): Generator<Uint8Array> {
  for (const { key, version, record } of merged) {
    sink.document({ key, version });
    yield record;
  }
}

/**
 * A merge as a job that can be handed to a thread: bytes and numbers alone go in and come out. Doing it is pure; who does
 * it where is for the merger.
 */
import { type MergedSegment, type MergeOptions, mergeSegments } from "../../shared/format/merge-segments.ts";
import { decodeSegmentRoot } from "../../shared/format/segment-reader.ts";

export interface MergeJobInput {
  readonly segmentId: string;
  /** Of the root page, for errors. */
  readonly key: string;
  /** KV values by page number. */
  readonly pages: readonly Uint8Array[];
  /** Ordinals to drop, strictly ascending. */
  readonly tombstones: Uint32Array;
}

export interface MergeJob {
  readonly newId: string;
  readonly inputs: readonly MergeJobInput[];
  readonly order: NonNullable<MergeOptions["order"]>;
}

export type DoMerge = (job: MergeJob) => Promise<MergedSegment>;

/** @throws LzeroError as `mergeSegments` and `decodeSegmentRoot` */
export function doMerge({ newId, inputs, order }: MergeJob): MergedSegment {
  const opened = inputs.map(({ segmentId, key, pages, tombstones }) => ({
    root: decodeSegmentRoot(pages[0]!, segmentId, key),
    pages,
    tombstones,
  }));
  return mergeSegments(newId, opened, { order });
}

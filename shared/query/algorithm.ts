/** The seam between a search and the way it scores a segment. Every algorithm finds what `exhaustive.ts` finds. */
import type { WindowedPostings } from "../format/posting-list.ts";
import type { PayloadOf, SegmentRoot } from "../format/segment-reader.ts";
import type { WeightedList } from "./lists.ts";
import type { TopK } from "./top-k.ts";

/** One segment of a query, its pages read. */
export interface SegmentQuery {
  readonly root: SegmentRoot;
  /** Highest bound first; their largest possible sum fits an int32. */
  readonly lists: readonly WeightedList[];
  /** Payloads of the lists' pages. */
  readonly payloadOf: PayloadOf;
  /** Deleted ordinals, ascending. */
  readonly tombstones: Uint32Array;
  /** The only ordinals that may be found, ascending; null: all. For filters. */
  readonly allowed: Uint32Array | null;
  /** The segment's place in the manifest. */
  readonly place: number;
  /** Shared by all segments of the query. */
  readonly top: TopK;
}

export interface QueryAlgorithm {
  readonly name: string;
  /**
   * Offers every live, allowed document that may be among the best to `top`, with its exact score over these lists.
   * @returns how many postings were decoded
   * @throws LzeroError `page_corrupt`
   */
  scoreSegment(query: SegmentQuery): number;
}

/** A list of the query, opened. */
export interface ScoredList {
  readonly weight: number;
  readonly postings: WindowedPostings;
}

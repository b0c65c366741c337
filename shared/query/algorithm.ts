/** The seam between a search and the way it scores a segment. Every algorithm finds what `exhaustive.ts` finds. */
import type { ManifestSegment } from "../format/manifest.ts";
import type { QueryVector } from "./query-vector.ts";
import type { SegmentSource } from "./segment-source.ts";
import type { TopK } from "./top-k.ts";

/** One segment of a query. */
export interface SegmentQuery {
  readonly source: SegmentSource;
  readonly segment: ManifestSegment;
  /** The segment's place in the manifest. */
  readonly place: number;
  /** Its largest possible score fits an int32. */
  readonly query: QueryVector;
  /** Shared by all segments of the query. */
  readonly top: TopK;
}

export interface QueryAlgorithm {
  readonly name: string;
  /**
   * Offers every live document that may be among the best to `top`, with its exact score.
   * @returns how many postings were decoded
   */
  scoreSegment(query: SegmentQuery): Promise<{ readonly postings: number }>;
}

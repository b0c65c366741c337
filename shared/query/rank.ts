/**
 * Ranking: a query vector and a manifest go in, the best ordinals with their integer scores come out, and what bounds
 * all others. Reads roots and posting lists, no documents: `search.ts` fetches those, and a shard leaves it to its caller
 * to say whose are wanted.
 */
import { LzeroError } from "../errors.ts";
import type { Manifest, ManifestSegment } from "../format/manifest.ts";
import { MAX_IMPACT_BITS, maxImpactOf } from "../model/quantize.ts";
import type { QueryAlgorithm } from "./algorithm.ts";
import { findLists, readListPages } from "./lists.ts";
import { planLists, type ReadBudget, type SegmentPlan } from "./plan.ts";
import type { QueryVector } from "./query-vector.ts";
import type { SegmentSource } from "./segment-source.ts";
import { type Candidate, TopK } from "./top-k.ts";
import { createWindowed } from "./windowed.ts";

const MAX_INT32 = 0x7fff_ffff;

export interface RankOptions extends ReadBudget {
  /** Candidates wanted, at least 1. */
  readonly wanted: number;
  /** Default: windowed, made for this search. */
  readonly algorithm?: QueryAlgorithm;
  /** The ordinals of a segment that may be found, ascending; null: all. */
  readonly allowedIn?: (segmentId: string) => Uint32Array | null;
  /** Integer scores below this are of no interest, at least 1: a running threshold from other shards. */
  readonly minScore?: number;
}

export interface Ranking {
  /** Best first; ties by the segment's place in the manifest, then by ordinal. Documents that score 0 are none. */
  readonly candidates: readonly Candidate[];
  /** The most that unread lists can add to any document's score: 0 when the ranking is exact. */
  readonly unreadBound: number;
  /** No document that is not among the candidates scores more than this over the lists that were read. */
  readonly nextScore: number;
  /** Postings decoded. */
  readonly postings: number;
}

/**
 * Ranks the documents of a generation.
 * @throws LzeroError `page_missing` naming the key, `query_too_long`, or a decoder's
 */
export async function rankSegments(
  source: SegmentSource,
  manifest: Manifest,
  query: QueryVector,
  options: RankOptions,
): Promise<Ranking> {
  const { wanted, minScore = 1 } = options;
  checkScoreBound(query, manifest.model?.impactBits ?? MAX_IMPACT_BITS);
  const segments = query.termIds.length === 0 ? [] : manifest.segments;
  const { top, postings, unreadBound } =
    options.maxReads === undefined && options.maxBytes === undefined
      ? await scoreAll(source, segments, query, new TopK(wanted, minScore), options)
      : // One more, which bounds those that are left out.
        await scoreWithin(source, segments, query, new TopK(wanted + 1, minScore), options);
  const candidates = top.sorted();
  const nextScore = top.isFull ? candidates.at(-1)!.score : minScore - 1;
  return { candidates: candidates.slice(0, wanted), unreadBound, nextScore, postings };
}

interface Scored {
  readonly top: TopK;
  readonly postings: number;
  /** The most that unread lists can add to any document's score. */
  readonly unreadBound: number;
}

/** Scores each segment as soon as its pages are there. */
async function scoreAll(
  source: SegmentSource,
  segments: readonly ManifestSegment[],
  query: QueryVector,
  top: TopK,
  options: RankOptions,
): Promise<Scored> {
  const counts = await Promise.all(
    segments.map(async (segment, place) => {
      const root = await source.root(segment);
      return scoreSegment(source, segment, { root, lists: findLists(root, query) }, place, top, options);
    }),
  );
  return { top, postings: counts.reduce((sum, count) => sum + count, 0), unreadBound: 0 };
}

/** Chooses lists over all segments first. */
async function scoreWithin(
  source: SegmentSource,
  segments: readonly ManifestSegment[],
  query: QueryVector,
  top: TopK,
  options: RankOptions,
): Promise<Scored> {
  const roots = await Promise.all(segments.map((segment) => source.root(segment)));
  const plans = planLists(roots, query, options);
  const counts = await Promise.all(
    plans.map((plan, place) => scoreSegment(source, segments[place]!, plan, place, top, options)),
  );
  return {
    top,
    postings: counts.reduce((sum, count) => sum + count, 0),
    unreadBound: plans.reduce((maximum, plan) => Math.max(maximum, plan.unreadBound), 0),
  };
}

async function scoreSegment(
  source: SegmentSource,
  segment: ManifestSegment,
  { root, lists }: Pick<SegmentPlan, "root" | "lists">,
  place: number,
  top: TopK,
  { algorithm = createWindowed(), allowedIn }: RankOptions,
): Promise<number> {
  if (lists.length === 0) return 0;
  const payloadOf = await readListPages(
    (page) => source.page(root, page),
    lists.map(({ entry }) => entry),
  );
  const allowed = allowedIn?.(segment.segmentId) ?? null;
  const { tombstones } = segment;
  return algorithm.scoreSegment({ root, lists, payloadOf, tombstones, allowed, place, top });
}

/** Refuses a query whose largest possible score does not fit the accumulators. */
function checkScoreBound(query: QueryVector, impactBits: number): void {
  const bound = query.weights.reduce((sum, weight) => sum + weight * maxImpactOf(impactBits), 0);
  if (bound > MAX_INT32) {
    throw new LzeroError(
      "query_too_long",
      "the sum of the query's weights is too large to be scored exactly",
      {
        expected: MAX_INT32,
        actual: bound,
      },
    );
  }
}

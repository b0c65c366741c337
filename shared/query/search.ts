/**
 * Search: a query vector and a manifest go in, the exact best documents come out. Pages come from a SegmentSource;
 * tokenizing, caching and what to do about a missing page are for the caller.
 */
import type { ModelBinding } from "../catalog/commands.ts";
import { LzeroError } from "../errors.ts";
import type { Manifest, ManifestSegment } from "../format/manifest.ts";
import { decodeStoredDocument } from "../format/segment-reader.ts";
import type { StoredDocument } from "../format/stored-document.ts";
import { MAX_IMPACT_BITS, maxImpactOf } from "../model/quantize.ts";
import type { PageReader } from "../storage/page-store.ts";
import type { QueryAlgorithm } from "./algorithm.ts";

import { findLists, readListPages } from "./lists.ts";
import { planLists, type ReadBudget, type SegmentPlan } from "./plan.ts";
import { QUERY_WEIGHT_SCALE, type QueryVector } from "./query-vector.ts";
import { ReaderSegmentSource, type SegmentSource } from "./segment-source.ts";
import { type Candidate, TopK } from "./top-k.ts";
import { createWindowed } from "./windowed.ts";

const MAX_INT32 = 0x7fff_ffff;

export interface SearchOptions extends ReadBudget {
  /** Hits wanted, at least 1. */
  readonly k: number;
  /** Hits to skip, at least 0. */
  readonly offset: number;
  /** Default: windowed, made for this search. */
  readonly algorithm?: QueryAlgorithm;
  /** The ordinals of a segment that may be found, ascending; null: all. */
  readonly allowedIn?: (segmentId: string) => Uint32Array | null;
  /** Integer scores below this are of no interest, at least 1: a running threshold from other shards. */
  readonly minScore?: number;
}

export interface SearchHit {
  readonly segmentId: string;
  readonly ordinal: number;
  /** Model units: integerScore · scoreScale(model). */
  readonly score: number;
  /** Σ weight · impact, exact over the lists that were read. */
  readonly integerScore: number;
  readonly document: StoredDocument;
}

export interface SearchStats {
  /** Values read, and their bytes. */
  readonly reads: number;
  readonly bytesRead: number;
  /** Postings decoded. */
  readonly postings: number;
}

/** What is certain of an answer for which not all lists were read. */
export interface Certificate {
  /**
   * So many of the hits, from the first on, are certainly among the exact first offset + k: their scores so far are
   * above all that any other document can have.
   */
  readonly provenHits: number;
  /** No document that is not among the hits, or skipped before them, scores higher than this; model units. */
  readonly maxMissedScore: number;
}

export interface SearchResult {
  /** Best first; ties by the segment's place in the manifest, then by ordinal. Documents that score 0 are no hits. */
  readonly hits: SearchHit[];
  /** Whether these are the exact hits and scores: false only when a budget left lists unread that could matter. */
  readonly exact: boolean;
  /** null when `exact`. */
  readonly certificate: Certificate | null;
  readonly stats: SearchStats;
}

/**
 * Searches an index through a reader, without keeping anything.
 * @throws LzeroError `page_missing` naming the key, `query_too_long`, `search_options_invalid`, or a decoder's
 */
export function search(
  reader: PageReader,
  manifest: Manifest,
  query: QueryVector,
  options: SearchOptions,
): Promise<SearchResult> {
  return searchSegments(new ReaderSegmentSource(reader, manifest.index), manifest, query, options);
}

/** Searches an index through a source that the caller made, e.g. with a RootCache; errors as in `search`. */
export async function searchSegments(
  source: SegmentSource,
  manifest: Manifest,
  query: QueryVector,
  options: SearchOptions,
): Promise<SearchResult> {
  const { k, offset, minScore } = options;
  if (!Number.isSafeInteger(k) || k < 1 || !Number.isSafeInteger(offset) || offset < 0) {
    throw new LzeroError("search_options_invalid", `k ${k}, offset ${offset}`, { k, offset });
  }
  checkScoreBound(query, manifest.model?.impactBits ?? MAX_IMPACT_BITS);
  const segments = query.termIds.length === 0 ? [] : manifest.segments;
  const { top, postings, unreadBound } =
    options.maxReads === undefined && options.maxBytes === undefined
      ? await scoreAll(source, segments, query, new TopK(offset + k, minScore), options)
      : await scoreWithin(source, segments, query, new TopK(offset + k + 1, minScore), options);
  const candidates = top.sorted();
  const hits = await fetchHits(source, manifest, candidates.slice(offset, offset + k));
  const stats = { reads: source.reads, bytesRead: source.bytesRead, postings };
  if (unreadBound === 0) return { hits, exact: true, certificate: null, stats };
  // A document that is not among the candidates kept scores no more than the next one so far, and unread lists add
  // their bounds at most.
  const maxMissed = (candidates[offset + k]?.score ?? 0) + unreadBound;
  const isProven = ({ integerScore }: SearchHit) => integerScore > maxMissed;
  const firstUnproven = hits.findIndex((hit) => !isProven(hit));
  const certificate = {
    provenHits: firstUnproven < 0 ? hits.length : firstUnproven,
    maxMissedScore: manifest.model === null ? 0 : maxMissed * scoreScale(manifest.model),
  };
  return { hits, exact: false, certificate, stats };
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
  options: SearchOptions,
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
  options: SearchOptions,
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
  { algorithm = createWindowed(), allowedIn }: SearchOptions,
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

/** What an integer score is multiplied by to be in the model's units: maxWeight / ((2^impactBits − 1) · 256). */
export function scoreScale({ maxWeight, impactBits }: ModelBinding): number {
  return maxWeight / (maxImpactOf(impactBits) * QUERY_WEIGHT_SCALE);
}

/** Reads the documents of a window of candidates, each page once. */
async function fetchHits(
  source: SegmentSource,
  manifest: Manifest,
  candidates: readonly Candidate[],
): Promise<SearchHit[]> {
  if (candidates.length > 0 && manifest.model === null) {
    throw new LzeroError("manifest_invalid", `${manifest.index} has segments but no model`, {
      index: manifest.index,
    });
  }
  const scale = manifest.model === null ? 0 : scoreScale(manifest.model);
  const payloads = new Map<string, Promise<Uint8Array>>();
  return Promise.all(
    candidates.map(async ({ score, place, ordinal }) => {
      const segment = manifest.segments[place]!;
      const root = await source.root(segment);
      const { page } = root.documentPageOf(ordinal);
      const pagePlace = `${place}/${page}`;
      const payload = payloads.get(pagePlace) ?? source.page(root, page);
      payloads.set(pagePlace, payload);
      return {
        segmentId: segment.segmentId,
        ordinal,
        score: score * scale,
        integerScore: score,
        document: decodeStoredDocument(root, await payload, ordinal),
      };
    }),
  );
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

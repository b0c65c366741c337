/**
 * Search: a query vector and a manifest go in, the exact best documents come out. Pages come from a SegmentSource;
 * tokenizing, caching and what to do about a missing page are for the caller.
 */
import type { ModelBinding } from "../catalog/commands.ts";
import { LzeroError } from "../errors.ts";
import type { Manifest } from "../format/manifest.ts";
import { decodeStoredDocument } from "../format/segment-reader.ts";
import type { StoredDocument } from "../format/stored-document.ts";
import { MAX_IMPACT_BITS, maxImpactOf } from "../model/quantize.ts";
import type { PageReader } from "../storage/page-store.ts";
import type { QueryAlgorithm } from "./algorithm.ts";

import { QUERY_WEIGHT_SCALE, type QueryVector } from "./query-vector.ts";
import { ReaderSegmentSource, type SegmentSource } from "./segment-source.ts";
import { type Candidate, TopK } from "./top-k.ts";
import { windowed } from "./windowed.ts";

const MAX_INT32 = 0x7fff_ffff;

export interface SearchOptions {
  /** Hits wanted, at least 1. */
  readonly k: number;
  /** Hits to skip, at least 0. */
  readonly offset: number;
  /** Default `windowed`. */
  readonly algorithm?: QueryAlgorithm;
}

export interface SearchHit {
  readonly segmentId: string;
  readonly ordinal: number;
  /** Model units: integerScore · scoreScale(model). */
  readonly score: number;
  /** Σ weight · impact, exact. */
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

export interface SearchResult {
  /** Best first; ties by the segment's place in the manifest, then by ordinal. Documents that score 0 are no hits. */
  readonly hits: SearchHit[];
  readonly exact: true;
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
  { k, offset, algorithm = windowed }: SearchOptions,
): Promise<SearchResult> {
  if (!Number.isSafeInteger(k) || k < 1 || !Number.isSafeInteger(offset) || offset < 0) {
    throw new LzeroError("search_options_invalid", `k ${k}, offset ${offset}`, { k, offset });
  }
  checkScoreBound(query, manifest.model?.impactBits ?? MAX_IMPACT_BITS);
  const top = new TopK(offset + k);
  const counts =
    query.termIds.length === 0
      ? []
      : await Promise.all(
          manifest.segments.map((segment, place) =>
            algorithm.scoreSegment({ source, segment, place, query, top }),
          ),
        );
  const hits = await fetchHits(source, manifest, top.sorted().slice(offset));
  const postings = counts.reduce((sum, count) => sum + count.postings, 0);
  return { hits, exact: true, stats: { reads: source.reads, bytesRead: source.bytesRead, postings } };
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

/**
 * Search: a query vector and a manifest go in, the exact best documents come out. Pages come from a SegmentSource;
 * tokenizing, caching and what to do about a missing page are for the caller.
 */
import type { ModelBinding } from "../catalog/commands.ts";
import { LzeroError } from "../errors.ts";
import type { Manifest } from "../format/manifest.ts";
import type { StoredDocument } from "../format/stored-document.ts";
import { maxImpactOf } from "../model/quantize.ts";
import type { PageReader } from "../storage/page-store.ts";
import { readDocuments } from "./documents.ts";
import { QUERY_WEIGHT_SCALE, type QueryVector } from "./query-vector.ts";
import { type RankOptions, rankSegments } from "./rank.ts";
import { ReaderSegmentSource, type SegmentSource } from "./segment-source.ts";
import type { Candidate } from "./top-k.ts";

export interface SearchOptions extends Omit<RankOptions, "wanted"> {
  /** Hits wanted, at least 1. */
  readonly k: number;
  /** Hits to skip, at least 0. */
  readonly offset: number;
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
  const { k, offset, ...rest } = options;
  if (!Number.isSafeInteger(k) || k < 1 || !Number.isSafeInteger(offset) || offset < 0) {
    throw new LzeroError("search_options_invalid", `k ${k}, offset ${offset}`, { k, offset });
  }
  const ranking = await rankSegments(source, manifest, query, { ...rest, wanted: offset + k });
  const hits = await fetchHits(source, manifest, ranking.candidates.slice(offset));
  const stats = { reads: source.reads, bytesRead: source.bytesRead, postings: ranking.postings };
  if (ranking.unreadBound === 0) return { hits, exact: true, certificate: null, stats };
  // A document that is not among the candidates scores no more than the next one so far, and unread lists add their
  // bounds at most.
  const maxMissed = ranking.nextScore + ranking.unreadBound;
  const scale = manifest.model === null ? 0 : scoreScale(manifest.model);
  const certificate = { provenHits: countProven(hits, maxMissed), maxMissedScore: maxMissed * scale };
  return { hits, exact: false, certificate, stats };
}

/** How many of the hits, from the first on, score more than anything that was left out can. */
export function countProven(hits: readonly { readonly integerScore: number }[], maxMissed: number): number {
  const firstUnproven = hits.findIndex(({ integerScore }) => integerScore <= maxMissed);
  return firstUnproven < 0 ? hits.length : firstUnproven;
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
  const roots = await Promise.all(candidates.map(({ place }) => source.root(manifest.segments[place]!)));
  const documents = await readDocuments(
    source,
    candidates.map(({ ordinal }, at) => ({ root: roots[at]!, ordinal })),
  );
  return candidates.map(({ score, place, ordinal }, at) => ({
    segmentId: manifest.segments[place]!.segmentId,
    ordinal,
    score: score * scale,
    integerScore: score,
    document: documents[at]!,
  }));
}

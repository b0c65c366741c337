/**
 * The bar: what one writes first. Every posting of every term of the query is added up, raw typed arrays, one
 * accumulator a document, then one scan for the best. Exact, by integers; ties go to the lower ordinal.
 */
import type { BenchQuery } from "../collections/query-sets.ts";
import type { BenchCollection } from "../collections/read-collection.ts";
import { K, type SearchEngine } from "./engine.ts";
import { type InvertedLists, invert } from "./inverted-lists.ts";

export interface ScoredHits {
  /** Best first; documents without a posting of the query are none. */
  readonly ordinals: number[];
  readonly scores: number[];
}

/** @param accumulators [documents]; what is in it does not matter */
export function searchExhaustively(
  { offsets, ordinals, impacts }: InvertedLists,
  { terms, weights }: BenchQuery,
  accumulators: Int32Array,
  k: number,
): ScoredHits {
  accumulators.fill(0);
  for (let index = 0; index < terms.length; index++) {
    const weight = weights[index]!;
    const end = offsets[terms[index]! + 1]!;
    for (let at = offsets[terms[index]!]!; at < end; at++) {
      accumulators[ordinals[at]!]! += weight * impacts[at]!;
    }
  }
  const hits: ScoredHits = { ordinals: [], scores: [] };
  let threshold = 0;
  for (let ordinal = 0; ordinal < accumulators.length; ordinal++) {
    const score = accumulators[ordinal]!;
    if (score <= threshold) continue;
    let place = hits.scores.length;
    while (place > 0 && hits.scores[place - 1]! < score) place--;
    hits.ordinals.splice(place, 0, ordinal);
    hits.scores.splice(place, 0, score);
    if (hits.scores.length > k) {
      hits.ordinals.pop();
      hits.scores.pop();
    }
    if (hits.scores.length === k) threshold = hits.scores[k - 1]!;
  }
  return hits;
}

export function openFortyLines(collection: BenchCollection): SearchEngine {
  const startedMs = performance.now();
  const lists = invert(collection);
  const buildSeconds = (performance.now() - startedMs) / 1000;
  const accumulators = new Int32Array(lists.documents);
  return {
    engine: "forty lines",
    version: process.version,
    settings: "exhaustive, term at a time, u32 ordinals, u8 impacts",
    isSameScore: true,
    buildSeconds,
    bytes: lists.offsets.byteLength + lists.ordinals.byteLength + lists.impacts.byteLength,
    search: (query) => searchExhaustively(lists, query, accumulators, K).ordinals,
  };
}

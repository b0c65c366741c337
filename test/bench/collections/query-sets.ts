/**
 * The queries of a collection: texts as production makes vectors of them, chosen by size so that the sets of two
 * collections have the same sizes. In: candidate texts and the collection's document frequencies. Out: two sets.
 */
import { LzeroError } from "../../../shared/errors.ts";
import { idfTable } from "../../../shared/model/idf.ts";
import { encodeQuery, optionalBelow } from "../../../shared/query/query-vector.ts";
import type { Tokenizer } from "../../../shared/text/types.ts";
import { randomOf, shuffled } from "./random.ts";

export const QUERY_SETS = ["short", "long"] as const;
export type QuerySet = (typeof QUERY_SETS)[number];

export interface BenchQuery {
  readonly text: string;
  /** Ascending; each has a posting in the collection. */
  readonly terms: readonly number[];
  /** round(256 · IDF), the IDF blended from the model's and the collection's. */
  readonly weights: readonly number[];
}

export interface QueryModel {
  readonly tokenizer: Tokenizer;
  /** The model's own table. */
  readonly idf: Float32Array;
  readonly queryIdfFloor: number;
}

export interface QueryFrequencies {
  readonly documents: number;
  /** By term: documents whose own text has it. */
  readonly textFrequencies: Uint32Array;
  /** By term: documents with a posting of it. */
  readonly documentFrequencies: Uint32Array;
}

/** Terms of a short query: 5 on average. */
const SHORT_TERMS = [3, 4, 5, 6, 7];
/** Tokens of a long query, those under the IDF floor counted: 20 on average. */
const LONG_TOKENS = [16, 17, 18, 19, 20, 21, 22, 23, 24];
export const QUERIES_A_SET = 1530;
const SEED = 7;

export const QUERY_SETS_SAY =
  "short: equally many of 3, 4, 5, 6 and 7 terms; long: equally many of 16 to 24 tokens; chosen at random among distinct texts; terms under the model's IDF floor left out where others remain, weights round(256 · blended IDF), terms without a posting left out";

export function makeQuerySets(
  texts: readonly string[],
  model: QueryModel,
  frequencies: QueryFrequencies,
): Record<QuerySet, BenchQuery[]> {
  const weights = {
    idf: idfTable("blend", model.idf, frequencies),
    optionalTokens: optionalBelow(model.idf, model.queryIdfFloor),
  };
  const candidates = shuffled([...new Set(texts)], randomOf(SEED)).flatMap((text) => {
    const vector = encodeQuery(text, model.tokenizer, weights);
    const query = knownTerms(text, vector, frequencies.documentFrequencies);
    return query.terms.length === 0 ? [] : [{ query, tokens: vector.tokens - vector.unknown }];
  });
  return {
    short: chooseBySize(candidates, ({ query }) => query.terms.length, SHORT_TERMS),
    long: chooseBySize(candidates, ({ tokens }) => tokens, LONG_TOKENS),
  };
}

function knownTerms(
  text: string,
  vector: { readonly termIds: Uint32Array; readonly weights: Uint32Array },
  documentFrequencies: Uint32Array,
): BenchQuery {
  const known = [...vector.termIds.keys()].filter((at) => documentFrequencies[vector.termIds[at]!]! > 0);
  return {
    text,
    terms: known.map((at) => vector.termIds[at]!),
    weights: known.map((at) => vector.weights[at]!),
  };
}

/**
 * The first candidates of each size, equally many, in the candidates' order.
 * @throws LzeroError `collection_invalid` when fewer than 1,000 are found
 */
export function chooseBySize<Candidate extends { readonly query: BenchQuery }>(
  candidates: readonly Candidate[],
  sizeOf: (candidate: Candidate) => number,
  sizes: readonly number[],
  total = QUERIES_A_SET,
): BenchQuery[] {
  const perSize = Math.ceil(total / sizes.length);
  const room = new Map(sizes.map((size) => [size, perSize]));
  const chosen = candidates.filter((candidate) => {
    const left = room.get(sizeOf(candidate)) ?? 0;
    if (left > 0) room.set(sizeOf(candidate), left - 1);
    return left > 0;
  });
  if (chosen.length < Math.min(total, 1000)) {
    throw new LzeroError("collection_invalid", `${chosen.length} queries of ${sizes.join(", ")} were found`, {
      found: chosen.length,
    });
  }
  return chosen.map(({ query }) => query);
}

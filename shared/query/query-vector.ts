/**
 * The query vector: text or weighted terms go in, integer weights by term come out. No model runs: a token's weight is
 * its IDF (Geng et al., SIGIR 2025, section 3: every distinct token counts once). Scoring is elsewhere.
 */
import { LzeroError } from "../errors.ts";
import type { Tokenizer } from "../text/types.ts";

/** A weight of 1 is this much: query weights are integers, round(256 · IDF). */
export const QUERY_WEIGHT_SCALE = 256;
/** Largest weight that is kept exact: 255 times it still fits an int32. */
const MAX_QUERY_WEIGHT = Math.floor(0x7fff_ffff / 255);

/** The query as scoring sees it. */
export interface QueryVector {
  /** Strictly ascending. */
  readonly termIds: Uint32Array;
  /** Same length; round(256 · IDF), at least 1. */
  readonly weights: Uint32Array;
  /** Tokens of the text, [UNK] and literal specials included. */
  readonly tokens: number;
  /** How many of them were [UNK]. */
  readonly unknown: number;
}

/** How tokens weigh: the part of the query tables (`shared/format/query-tables.ts`) that a query vector needs. */
export interface QueryWeights {
  /** [vocabularySize] */
  readonly idf: Float32Array;
  /** One bit a token, lowest bit first: set when it enters a query only where no other token does. */
  readonly optionalTokens: Uint8Array;
}

/**
 * Makes the vector of a text: its distinct tokens without specials, each with its IDF.
 * @throws LzeroError `token_id_out_of_range` when the table is shorter than the vocabulary; `weight_out_of_range`
 */
export function encodeQuery(
  text: string,
  tokenizer: Tokenizer,
  { idf, optionalTokens }: QueryWeights,
): QueryVector {
  const tokens = tokenizer.tokenize(text);
  const { special } = tokenizer;
  const specials = new Set([special.pad, special.unk, special.cls, special.sep, special.mask]);
  const weightOf = new Map<number, number>();
  let unknown = 0;
  for (const tokenId of tokens) {
    if (tokenId === special.unk) unknown++;
    if (specials.has(tokenId)) continue;
    const weight = idf[tokenId];
    if (weight === undefined) {
      throw new LzeroError("token_id_out_of_range", `the IDF table has no token ${tokenId}`, {
        expected: `less than ${idf.length}`,
        actual: tokenId,
      });
    }
    weightOf.set(tokenId, weight);
  }
  const kept = quantize([...weightOf].filter(([tokenId]) => !hasBit(optionalTokens, tokenId)));
  // What is kept may round to nothing, and then nothing is left either.
  return { ...(kept.termIds.length > 0 ? kept : quantize([...weightOf])), tokens: tokens.length, unknown };
}

/** Marks the tokens that the IDF floor of a model makes optional; the floor is held against the model's own table. */
export function optionalBelow(modelIdf: Float32Array, floor: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(modelIdf.length / 8));
  modelIdf.forEach((idf, tokenId) => {
    if (idf < floor) bits[tokenId >> 3]! |= 1 << (tokenId & 7);
  });
  return bits;
}

function hasBit(bits: Uint8Array, at: number): boolean {
  return ((bits[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
}

/**
 * Makes a vector of terms and weights that are given, e.g. boosted or taken from another encoder.
 * @param terms weight by term id; the unit is IDF's
 * @throws LzeroError `token_id_out_of_range`, `weight_out_of_range`
 */
export function encodeQueryTerms(terms: Iterable<readonly [termId: number, weight: number]>): QueryVector {
  const weightOf = new Map(terms);
  for (const termId of weightOf.keys()) {
    if (!Number.isInteger(termId) || termId < 0 || termId > 0xffff_ffff) {
      throw new LzeroError("token_id_out_of_range", `${termId} is no term id`, { actual: termId });
    }
  }
  return { ...quantize([...weightOf]), tokens: weightOf.size, unknown: 0 };
}

function quantize(weighted: [number, number][]): Pick<QueryVector, "termIds" | "weights"> {
  const quantized: [number, number][] = [];
  for (const [termId, weight] of weighted) {
    const value = Math.round(QUERY_WEIGHT_SCALE * weight);
    if (!(value >= 0 && value <= MAX_QUERY_WEIGHT)) {
      throw new LzeroError("weight_out_of_range", `the query weight of term ${termId} is ${weight}`, {
        termId,
        expected: `0 to ${MAX_QUERY_WEIGHT / QUERY_WEIGHT_SCALE}`,
        actual: String(weight),
      });
    }
    if (value > 0) quantized.push([termId, value]);
  }
  quantized.sort(([a], [b]) => a - b);
  return {
    termIds: Uint32Array.from(quantized, ([termId]) => termId),
    weights: Uint32Array.from(quantized, ([, weight]) => weight),
  };
}

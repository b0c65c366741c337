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

export interface QueryOptions {
  /** Tokens with a smaller IDF are dropped unless nothing else is left; 0 keeps all. */
  readonly idfFloor: number;
}

/**
 * Makes the vector of a text: its distinct tokens without specials, each with its IDF.
 * @param idf Float32Array [vocabularySize]
 * @throws LzeroError `token_id_out_of_range` when the table is shorter than the vocabulary; `weight_out_of_range`
 */
export function encodeQuery(
  text: string,
  tokenizer: Tokenizer,
  idf: Float32Array,
  { idfFloor }: QueryOptions,
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
  const above = [...weightOf].filter(([, weight]) => weight >= idfFloor);
  const kept = quantize(above);
  // What the floor leaves may round to nothing, and then nothing is left either.
  return { ...(kept.termIds.length > 0 ? kept : quantize([...weightOf])), tokens: tokens.length, unknown };
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

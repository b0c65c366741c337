/** Quantization: model weights go in, impacts of 4 to 8 bits come out, on one linear scale for a whole index. */
import { LzeroError } from "../errors.ts";

export const MIN_IMPACT_BITS = 4;
export const MAX_IMPACT_BITS = 8;
/** Of a model that does not say. */
export const DEFAULT_IMPACT_BITS = 8;

/** The largest impact of that many bits; the smallest is 1. */
export function maxImpactOf(impactBits: number): number {
  return 2 ** impactBits - 1;
}

/** A document's vector as a segment stores it. */
export interface QuantizedWeights {
  readonly termIds: Uint32Array;
  /** Same length; 1 … 2^impactBits − 1. */
  readonly impacts: Uint8Array;
  /** Weights whose impact would be above the largest; it is the largest now. */
  readonly clipped: number;
  /** Weights that rounded to 0 and are gone, with their terms. */
  readonly dropped: number;
}

/**
 * Maps weights to impacts, round(w · M / maxWeight) with M = 2^impactBits − 1; the error of a weight up to maxWeight is
 * at most maxWeight / 2M.
 * @param termIds Uint32Array [nnz]
 * @param weights Float32Array [nnz]; finite and > 0 (model units)
 * @param maxWeight the weight that becomes M; the same for all documents of an index
 * @throws LzeroError `weight_out_of_range` naming index and value
 */
export function quantizeWeights(
  termIds: Uint32Array,
  weights: Float32Array,
  maxWeight: number,
  impactBits: number = DEFAULT_IMPACT_BITS,
): QuantizedWeights {
  const maxImpact = maxImpactOf(impactBits);
  if (!(maxWeight > 0 && maxWeight < Number.POSITIVE_INFINITY)) throw outOfRange("maxWeight", -1, maxWeight);
  if (termIds.length !== weights.length) {
    throw new LzeroError(
      "segment_input_invalid",
      `${termIds.length} terms but ${weights.length} weights were given to quantize`,
      { expected: termIds.length, actual: weights.length },
    );
  }
  const keptTermIds = new Uint32Array(termIds.length);
  const impacts = new Uint8Array(termIds.length);
  let kept = 0;
  let clipped = 0;
  for (let index = 0; index < weights.length; index++) {
    const weight = weights[index]!;
    if (!(weight > 0 && weight < Number.POSITIVE_INFINITY)) throw outOfRange("weight", index, weight);
    let impact = Math.round((weight * maxImpact) / maxWeight);
    if (impact === 0) continue;
    if (impact > maxImpact) {
      impact = maxImpact;
      clipped++;
    }
    keptTermIds[kept] = termIds[index]!;
    impacts[kept] = impact;
    kept++;
  }
  return {
    termIds: keptTermIds.slice(0, kept),
    impacts: impacts.slice(0, kept),
    clipped,
    dropped: weights.length - kept,
  };
}

function outOfRange(what: string, index: number, value: number): LzeroError {
  return new LzeroError("weight_out_of_range", `${what} ${index < 0 ? "" : `${index} `}is ${value}`, {
    index,
    expected: "finite and above 0",
    actual: String(value),
  });
}

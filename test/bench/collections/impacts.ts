/** Encoded rows as a segment would hold them: impacts of 8 bits. In: weights. Out: impacts, and what rounding took. */
import { quantizeWeights } from "../../../shared/model/quantize.ts";
import type { EncodedRows, Rows } from "./vectors-codec.ts";

export interface QuantizedRows {
  readonly vectors: Rows;
  readonly weights: Float32Array;
  /** 1 … 255 */
  readonly impacts: Uint8Array;
  readonly dropped: number;
  readonly clipped: number;
}

export function dropZeroImpacts({ vectors, weights }: EncodedRows, maxWeight: number): QuantizedRows {
  const { indptr, terms } = vectors;
  const keptIndptr = new Uint32Array(indptr.length);
  const keptTerms = new Uint16Array(terms.length);
  const keptWeights = new Float32Array(terms.length);
  const impacts = new Uint8Array(terms.length);
  let size = 0;
  let clipped = 0;
  for (let row = 0; row + 1 < indptr.length; row++) {
    const [from, to] = [indptr[row]!, indptr[row + 1]!];
    const rowWeights = weights.subarray(from, to);
    const quantized = quantizeWeights(Uint32Array.from(terms.subarray(from, to)), rowWeights, maxWeight);
    clipped += quantized.clipped;
    impacts.set(quantized.impacts, size);
    let at = from;
    for (const term of quantized.termIds) {
      while (terms[at] !== term) at++;
      keptTerms[size] = term;
      keptWeights[size++] = weights[at]!;
    }
    keptIndptr[row + 1] = size;
  }
  return {
    vectors: { indptr: keptIndptr, terms: keptTerms.slice(0, size) },
    weights: keptWeights.slice(0, size),
    impacts: impacts.slice(0, size),
    dropped: terms.length - size,
    clipped,
  };
}

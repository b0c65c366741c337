/**
 * Which terms of a document are worth a posting: those that can add most to a score, by IDF_j · d_j. A threshold lets
 * a long document keep more than a short one; a least number keeps every document findable.
 */
import type { SparseWeights } from "./lexical.ts";

export interface Pruning {
  /** Terms of a smaller IDF_j · d_j go. */
  readonly minValue: number;
  /** The most valuable terms that stay whatever their value. */
  readonly atLeast: number;
  readonly atMost: number;
}

/**
 * Keeps the valuable terms; among equals the lower id goes first.
 * @param idf the model's own table: what a document keeps does not depend on a corpus
 */
export function pruneTerms(vector: SparseWeights, idf: Float32Array, pruning: Pruning): SparseWeights {
  const { termIds, weights } = vector;
  const { minValue, atLeast, atMost } = pruning;
  const value = new Float32Array(termIds.length);
  let valuable = 0;
  for (let at = 0; at < value.length; at++) {
    value[at] = (idf[termIds[at]!] ?? 0) * weights[at]!;
    if (value[at]! >= minValue) valuable++;
  }
  const keep = Math.min(atMost, Math.max(atLeast, valuable));
  if (keep >= termIds.length) return vector;
  // Most documents keep exactly what is valuable: nothing to sort.
  const kept = keep === valuable ? valuableOf(value, minValue, keep) : mostValuable(value, keep);
  const result = { termIds: new Uint32Array(keep), weights: new Float32Array(keep) };
  for (let to = 0; to < keep; to++) {
    result.termIds[to] = termIds[kept[to]!]!;
    result.weights[to] = weights[kept[to]!]!;
  }
  return result;
}

function valuableOf(value: Float32Array, minValue: number, count: number): Uint32Array {
  const kept = new Uint32Array(count);
  let to = 0;
  for (let at = 0; at < value.length; at++) if (value[at]! >= minValue) kept[to++] = at;
  return kept;
}

function mostValuable(value: Float32Array, count: number): Uint32Array {
  const order = Uint32Array.from(value.keys()).sort((a, b) => value[b]! - value[a]! || a - b);
  return order.subarray(0, count).sort();
}

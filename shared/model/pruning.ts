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
  const value = Float32Array.from(termIds, (id, at) => (idf[id] ?? 0) * weights[at]!);
  const valuable = value.reduce((count, each) => count + (each >= pruning.minValue ? 1 : 0), 0);
  const keep = Math.min(pruning.atMost, Math.max(pruning.atLeast, valuable));
  if (keep >= termIds.length) return vector;
  const kept = Array.from(value.keys())
    .sort((a, b) => value[b]! - value[a]! || a - b)
    .slice(0, keep)
    .sort((a, b) => a - b);
  return {
    termIds: Uint32Array.from(kept, (at) => termIds[at]!),
    weights: Float32Array.from(kept, (at) => weights[at]!),
  };
}

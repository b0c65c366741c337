/**
 * The lexical part of a document weight: how often the document's own tokens occur, saturated as in BM25. Enters:
 * token ids of the whole document. Leaves: one weight a distinct token. No IDF (that is the query's) and no corpus
 * statistics: the average length is a constant of the model, so that a document's vector never depends on others.
 */

export interface LexicalParameters {
  /** Share in the document weight; 0 leaves the lexical part out. */
  readonly alpha: number;
  readonly k1: number;
  readonly b: number;
  /** Tokens of a document of average length. */
  readonly averageLength: number;
}

export interface SparseWeights {
  /** Strictly ascending. */
  readonly termIds: Uint32Array;
  /** Same length, > 0. */
  readonly weights: Float32Array;
}

/** Term frequency saturated to less than k1 + 1 (Robertson & Zaragoza 2009, eq. 3.15 without its IDF). */
export function saturatedFrequency(frequency: number, length: number, parameters: LexicalParameters): number {
  const { k1, b, averageLength } = parameters;
  return (frequency * (k1 + 1)) / (frequency + k1 * (1 - b + (b * length) / averageLength));
}

/** The largest weight that `lexicalWeights` can give; it bounds the scale of quantization. */
export function maxLexicalWeight({ alpha, k1 }: LexicalParameters): number {
  return alpha * (k1 + 1);
}

/**
 * Weighs the distinct tokens of a document by alpha · saturated frequency.
 * @param tokenIds special tokens out, in any order
 */
export function lexicalWeights(tokenIds: readonly number[], parameters: LexicalParameters): SparseWeights {
  const sorted = Uint32Array.from(tokenIds).sort();
  const termIds = new Uint32Array(sorted.length);
  const weights = new Float32Array(sorted.length);
  let distinct = 0;
  for (let start = 0; start < sorted.length; ) {
    let end = start + 1;
    while (end < sorted.length && sorted[end] === sorted[start]) end++;
    termIds[distinct] = sorted[start]!;
    weights[distinct++] = parameters.alpha * saturatedFrequency(end - start, sorted.length, parameters);
    start = end;
  }
  return { termIds: termIds.slice(0, distinct), weights: weights.slice(0, distinct) };
}

/** Adds two sparse vectors term by term. */
export function addWeights(a: SparseWeights, b: SparseWeights): SparseWeights {
  const termIds = new Uint32Array(a.termIds.length + b.termIds.length);
  const weights = new Float32Array(termIds.length);
  let size = 0;
  let i = 0;
  let j = 0;
  while (i < a.termIds.length || j < b.termIds.length) {
    const left = a.termIds[i] ?? Number.POSITIVE_INFINITY;
    const right = b.termIds[j] ?? Number.POSITIVE_INFINITY;
    const term = Math.min(left, right);
    let weight = 0;
    if (left === term) weight += a.weights[i++]!;
    if (right === term) weight += b.weights[j++]!;
    termIds[size] = term;
    weights[size++] = weight;
  }
  return { termIds: termIds.slice(0, size), weights: weights.slice(0, size) };
}

/**
 * The lexical part of a document weight: how often the document's own tokens occur, saturated as in BM25. Enters:
 * token ids of the whole document. Leaves: one weight a distinct token, and one for each word that shares a stem with
 * one. No IDF (that is the query's) and no corpus statistics: the average length is a constant of the model, so that a
 * document's vector never depends on others.
 */

export interface LexicalParameters {
  /** Share in the document weight; 0 leaves the lexical part out. */
  readonly alpha: number;
  readonly k1: number;
  readonly b: number;
  /** Tokens of a document of average length. */
  readonly averageLength: number;
}

/** Which words of a vocabulary share a stem. */
export interface StemClasses {
  /** What a word's frequency counts for another word of its class, 0 to 1. */
  readonly share: number;
  /** [vocabularySize]: the class of each token id; 0 is none. */
  readonly classOf: Uint16Array;
  /** Token ids by class; index 0 is empty. */
  readonly members: readonly (readonly number[])[];
}

/** Makes classes of the table in a model's stems.u16: [vocabularySize] class numbers, 0 for a word of no class. */
export function stemClasses(classOf: Uint16Array, share: number): StemClasses {
  const members: number[][] = [[]];
  classOf.forEach((stem, id) => {
    if (stem === 0) return;
    while (members.length <= stem) members.push([]);
    members[stem]!.push(id);
  });
  return { share, classOf, members };
}

export interface SparseWeights {
  /** Strictly ascending. */
  readonly termIds: Uint32Array;
  /** Same length, > 0. */
  readonly weights: Float32Array;
}

/**
 * Term frequency saturated to less than 1: tf / (tf + k1 · (1 − b + b · length / averageLength)), the BM25 of
 * Robertson & Zaragoza 2009 without its IDF and its constant factor k1 + 1, which no ranking depends on.
 */
export function saturatedFrequency(frequency: number, length: number, parameters: LexicalParameters): number {
  const { k1, b, averageLength } = parameters;
  return frequency / (frequency + k1 * (1 - b + (b * length) / averageLength));
}

/**
 * Weighs the tokens of a document by alpha · saturated frequency.
 * @param tokenIds special tokens out, in any order
 * @param stems with them, a word of the same stem as a token counts too, by their share: tf' = tf + share · tf of the
 *   other words of its class
 */
export function lexicalWeights(
  tokenIds: readonly number[] | Uint32Array,
  parameters: LexicalParameters,
  stems: StemClasses | null = null,
): SparseWeights {
  const length = tokenIds.length;
  const frequencies = new Map<number, number>();
  for (let at = 0; at < length; at++) {
    const id = tokenIds[at]!;
    frequencies.set(id, (frequencies.get(id) ?? 0) + 1);
  }
  if (stems !== null) addStemMates(frequencies, stems);
  const termIds = Uint32Array.from(frequencies.keys()).sort();
  const weights = new Float32Array(termIds.length);
  for (let at = 0; at < weights.length; at++) {
    const frequency = frequencies.get(termIds[at]!)!;
    weights[at] = parameters.alpha * saturatedFrequency(frequency, length, parameters);
  }
  return { termIds, weights };
}

function addStemMates(frequencies: Map<number, number>, { share, classOf, members }: StemClasses): void {
  const totals = new Map<number, number>();
  for (const [id, frequency] of frequencies) {
    const stem = classOf[id] ?? 0;
    if (stem > 0) totals.set(stem, (totals.get(stem) ?? 0) + frequency);
  }
  for (const [stem, total] of totals) {
    for (const id of members[stem]!) {
      const own = frequencies.get(id) ?? 0;
      if (share > 0 || own > 0) frequencies.set(id, own + share * (total - own));
    }
  }
}

/** Adds two sparse vectors term by term. */
export function addWeights(a: SparseWeights, b: SparseWeights): SparseWeights {
  const termIds = new Uint32Array(a.termIds.length + b.termIds.length);
  const weights = new Float32Array(termIds.length);
  let size = 0;
  let i = 0;
  let j = 0;
  while (i < a.termIds.length || j < b.termIds.length) {
    const left = i < a.termIds.length ? a.termIds[i]! : Number.POSITIVE_INFINITY;
    const right = j < b.termIds.length ? b.termIds[j]! : Number.POSITIVE_INFINITY;
    const term = Math.min(left, right);
    let weight = 0;
    if (left === term) weight += a.weights[i++]!;
    if (right === term) weight += b.weights[j++]!;
    termIds[size] = term;
    weights[size++] = weight;
  }
  return { termIds: termIds.slice(0, size), weights: weights.slice(0, size) };
}

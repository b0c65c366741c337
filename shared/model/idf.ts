/**
 * Which IDF weights a query: the model's own table, the corpus's, or a blend of both. Enters: the model's table, how
 * many documents there are and how many have each token in their own text. Leaves: a table of the same length. The
 * document side never sees any of this (FACTS: IDF is multiplied on the query side only), so that a change of the
 * mode or of the corpus encodes nothing again.
 */
import { LzeroError } from "../errors.ts";

export const IDF_MODES = ["model", "corpus", "blend"] as const;
export type IdfMode = (typeof IDF_MODES)[number];

/** Documents that the model's table counts for in a blend. */
export const BLEND_PRIOR_DOCUMENTS = 2000;

/** Counts of a corpus; tombstoned documents are in them until a merge drops them. */
export interface CorpusFrequencies {
  readonly documents: number;
  /** By token id: documents whose own text has the token. */
  readonly textFrequencies: Uint32Array;
}

/**
 * The table of one mode.
 * - `model`: the model's table as it is.
 * - `corpus`: ln(1 + (N − df + ½) / (df + ½)), the form of BM25 that is never negative (Lucene's BM25Similarity).
 * - `blend`: −ln((df + μ·e^(−IDF)) / (N + μ)), at least 0: μ documents that look like the model's training corpus are
 *   added to N real ones. It is the model's table at N = 0 and the corpus's as N grows.
 * @param modelIdf by token id, ≥ 0
 * @throws LzeroError `idf_table_mismatch` when the lengths differ
 */
export function idfTable(mode: IdfMode, modelIdf: Float32Array, corpus: CorpusFrequencies): Float32Array {
  const { documents, textFrequencies } = corpus;
  if (textFrequencies.length !== modelIdf.length) {
    throw new LzeroError(
      "idf_table_mismatch",
      `the model's IDF table has ${modelIdf.length} entries, the corpus counts ${textFrequencies.length}`,
      { expected: modelIdf.length, actual: textFrequencies.length },
    );
  }
  switch (mode) {
    case "model":
      return modelIdf;
    case "corpus":
      return modelIdf.map((_, term) => {
        const frequency = textFrequencies[term]!;
        return Math.log(1 + (documents - frequency + 0.5) / (frequency + 0.5));
      });
    case "blend":
      return modelIdf.map((idf, term) => {
        const frequency = textFrequencies[term]! + BLEND_PRIOR_DOCUMENTS * Math.exp(-idf);
        return Math.max(0, -Math.log(frequency / (documents + BLEND_PRIOR_DOCUMENTS)));
      });
  }
}

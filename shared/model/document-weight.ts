/**
 * The document weight, defined once: d_j = l0_j + alpha · tfsat_j, pruned by IDF_j · d_j. Enters: what the graph gave of a document (nothing, for BM25) and its own tokens. Leaves: the weights that are
 * quantized. IDF only chooses terms here; it is multiplied on the query side alone.
 */
import { addWeights, lexicalWeights, type SparseWeights, type StemClasses } from "./lexical.ts";
import type { ModelIdentity } from "./model-manifest.ts";
import { pruneTerms } from "./pruning.ts";

export class DocumentWeigher {
  readonly #identity: Pick<ModelIdentity, "lexical" | "pruning">;
  readonly #idf: Float32Array;
  readonly #stems: StemClasses | null;

  /** @param idf the model's own table, by token id */
  constructor(
    identity: Pick<ModelIdentity, "lexical" | "pruning">,
    idf: Float32Array,
    stems: StemClasses | null,
  ) {
    this.#identity = identity;
    this.#idf = idf;
    this.#stems = stems;
  }

  /**
   * @param neural the graph's weights; null without a graph
   * @param ownTokens ids of the whole text in any order, special tokens out
   */
  weigh(neural: SparseWeights | null, ownTokens: readonly number[] | Uint32Array): SparseWeights {
    const { lexical, pruning } = this.#identity;
    const neuralPart = neural ?? { termIds: new Uint32Array(0), weights: new Float32Array(0) };
    const sum =
      lexical.alpha > 0
        ? addWeights(neuralPart, lexicalWeights(ownTokens, lexical, this.#stems))
        : neuralPart;
    return pruning === null ? sum : pruneTerms(sum, this.#idf, pruning);
  }
}

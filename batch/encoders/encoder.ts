/**
 * The interface of all document encoders: text in, sparse vectors out. Weights are model units (before
 * quantization and without IDF, which is applied on the query side only).
 */
import type { ModelManifest } from "../../shared/model/model-manifest.ts";

/** The vector of one document. */
export interface EncodedDocument {
  /** Ascending, distinct, no special tokens. */
  readonly termIds: Uint32Array;
  /** Same length; finite and > 0. */
  readonly weights: Float32Array;
  /** Distinct ids of the document's own tokens, ascending, no special tokens: they feed document frequencies of text. */
  readonly ownTermIds: Uint32Array;
  /** Tokens of the whole text, specials out. */
  readonly tokenCount: number;
  /** True when the document has tokens that no window of the model saw. */
  readonly truncated: boolean;
  /** How many those are; the lexical part of a weight counts them all the same. */
  readonly unseenTokens: number;
  /** Non-zero weights cut because there were more than the model's topK; of several windows, those cut of each. */
  readonly cutByTopK: number;
}

export interface DocumentEncoder {
  readonly manifest: ModelManifest;
  /**
   * Encodes documents; results come in input order. A document that cannot be encoded gives an Error in its place
   * and does not disturb the others.
   */
  encode(texts: readonly string[], onProgress?: (done: number) => void): Promise<(EncodedDocument | Error)[]>;
  close(): Promise<void>;
}

/**
 * The encoder without a model: BM25's saturated term frequencies of the document's own WordPiece tokens. It is the
 * baseline and the fallback. Its IDF is on the query side like everybody's, so the same index format, scorer and
 * query path serve it. The average length is part of its identity: fixed when an index is begun, never changed after.
 */
import { lexicalWeights } from "../../shared/model/lexical.ts";
import {
  type ModelIdentity,
  type ModelManifest,
  modelFingerprint,
} from "../../shared/model/model-manifest.ts";
import type { Tokenizer } from "../../shared/text/types.ts";
import type { DocumentEncoder, EncodedDocument } from "./encoder.ts";

/** BM25 as Lucene and BEIR's baselines set it. */
export const BM25_K1 = 0.9;
export const BM25_B = 0.4;
/** Documents of a corpus that its average length is measured on. */
export const AVERAGE_LENGTH_SAMPLE = 1000;

/** What BM25 shares with the model whose tokenizer and IDF table it uses: SHA-256 of each, in hex. */
export interface Bm25Tables {
  readonly vocabulary: string;
  readonly idf: string;
}

export function bm25Manifest(
  tables: Bm25Tables,
  vocabularySize: number,
  averageLength: number,
): ModelManifest {
  const lexical = { alpha: 1, k1: BM25_K1, b: BM25_B, averageLength, stems: null };
  const identity: ModelIdentity = {
    encoder: "bm25",
    weights: null,
    vocabulary: tables.vocabulary,
    idf: tables.idf,
    log1pCount: null,
    maxLength: null,
    windows: { maxWindows: 1, overlap: 0 },
    topK: vocabularySize,
    pruneRatio: 0,
    // A saturated frequency stays under 1.
    maxWeight: lexical.alpha,
    lexical,
    pruning: null,
    queryIdfFloor: 0,
  };
  return {
    formatVersion: 1,
    name: "bm25",
    fingerprint: modelFingerprint(identity),
    identity,
    vocabularySize,
    licence: "Apache-2.0",
    provenance: "BM25 term frequencies; no weights",
  };
}

/** Mean tokens of the first documents of a corpus, in whole tokens so that equal samples give equal fingerprints. */
export function measureAverageLength(tokenizer: Tokenizer, texts: readonly string[]): number {
  const sample = texts.slice(0, AVERAGE_LENGTH_SAMPLE);
  const tokens = sample.reduce((sum, text) => sum + ownTokens(tokenizer, text).length, 0);
  return Math.max(1, Math.round(tokens / Math.max(1, sample.length)));
}

export class Bm25Encoder implements DocumentEncoder {
  readonly manifest: ModelManifest;
  readonly #tokenizer: Tokenizer;

  constructor(manifest: ModelManifest, tokenizer: Tokenizer) {
    this.manifest = manifest;
    this.#tokenizer = tokenizer;
  }

  async encode(
    texts: readonly string[],
    onProgress?: (done: number) => void,
  ): Promise<(EncodedDocument | Error)[]> {
    const documents = texts.map((text) => this.#encodeOne(text));
    onProgress?.(texts.length);
    return documents;
  }

  async close(): Promise<void> {}

  #encodeOne(text: string): EncodedDocument {
    const tokens = ownTokens(this.#tokenizer, text);
    const { termIds, weights } = lexicalWeights(tokens, this.manifest.identity.lexical);
    return {
      termIds,
      weights,
      ownTermIds: termIds,
      tokenCount: tokens.length,
      truncated: false,
      unseenTokens: 0,
      cutByTopK: 0,
    };
  }
}

/** Tokens of a text that may enter a vector: special tokens out. */
function ownTokens(tokenizer: Tokenizer, text: string): number[] {
  const { pad, unk, cls, sep, mask } = tokenizer.special;
  return tokenizer
    .tokenize(text)
    .filter((id) => id !== unk && id !== pad && id !== cls && id !== sep && id !== mask);
}

/**
 * A document encoder without a model: each word of the text is a token by its hash, weighted by its count. Words in
 * capitals make it misbehave: POISON gives an Error in the document's place, CRASH fails the whole call as a dead
 * worker does, EXIT ends the process, HANG never ends.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import type { DocumentEncoder, EncodedDocument } from "../../batch/encoders/encoder.ts";
import { type BoundModel, bindModel } from "../../batch/publish/publish-target.ts";
import { LzeroError } from "../../shared/errors.ts";
import {
  type ModelIdentity,
  type ModelManifest,
  modelFingerprint,
} from "../../shared/model/model-manifest.ts";

export const FAKE_VOCABULARY_SIZE = 512;

const identity: ModelIdentity = {
  encoder: "onnx",
  weights: "0".repeat(64),
  vocabulary: "1".repeat(64),
  idf: "2".repeat(64),
  log1pCount: 2,
  maxLength: 64,
  windows: { maxWindows: 1, overlap: 0 },
  topK: 64,
  pruneRatio: 0,
  maxWeight: 4,
  lexical: { alpha: 0, k1: 0.9, b: 0.4, averageLength: 10, stems: null },
  pruning: null,
  queryIdfFloor: 0,
};

export const FAKE_MANIFEST: ModelManifest = {
  formatVersion: 1,
  name: "fake",
  fingerprint: modelFingerprint(identity),
  identity,
  vocabularySize: FAKE_VOCABULARY_SIZE,
  licence: "Apache-2.0",
  provenance: "tests",
};

/** The fake model as an index is bound to it. */
export function fakeBoundModel(): BoundModel {
  const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  const pieces = Array.from({ length: FAKE_VOCABULARY_SIZE }, (_, id) => special[id] ?? `word${id}`);
  const vocabulary = new TextEncoder().encode(`${pieces.join("\n")}\n`);
  return bindModel(FAKE_MANIFEST, vocabulary, new Float32Array(FAKE_VOCABULARY_SIZE).fill(1));
}

/** Token of a word: 5 … vocabulary size - 1. */
export function fakeTokenId(word: string): number {
  const [a = 0, b = 0] = sha256(new TextEncoder().encode(word));
  return 5 + ((a * 256 + b) % (FAKE_VOCABULARY_SIZE - 5));
}

export function encodeFake(text: string): EncodedDocument {
  const words = text.split(/\s+/).filter((word) => word !== "");
  const counts = new Map<number, number>();
  for (const word of words) counts.set(fakeTokenId(word), (counts.get(fakeTokenId(word)) ?? 0) + 1);
  const termIds = Uint32Array.from([...counts.keys()].sort((a, b) => a - b));
  return {
    termIds,
    weights: Float32Array.from(termIds, (termId) => Math.min(4, counts.get(termId)! / 2)),
    ownTermIds: termIds,
    tokenCount: words.length,
    truncated: words.length > 64,
    unseenTokens: Math.max(0, words.length - 64),
    cutByTopK: 0,
  };
}

export class FakeEncoder implements DocumentEncoder {
  readonly manifest = FAKE_MANIFEST;
  /** Sizes of the calls so far. */
  readonly calls: number[] = [];
  readonly delayMs: number;

  constructor(delayMs = 0) {
    this.delayMs = delayMs;
  }

  async encode(
    texts: readonly string[],
    onProgress?: (done: number) => void,
  ): Promise<(EncodedDocument | Error)[]> {
    this.calls.push(texts.length);
    await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    const all = texts.join(" ");
    if (all.includes("EXIT")) process.exit(9);
    if (all.includes("HANG")) return await new Promise(() => undefined);
    if (all.includes("CRASH")) throw new LzeroError("encoder_crashed", "the worker died");
    onProgress?.(texts.length);
    return texts.map((text) =>
      text.includes("POISON") ? new LzeroError("text_poisonous", "the text is poison") : encodeFake(text),
    );
  }

  async close(): Promise<void> {}
}

import { describe, expect, it } from "vitest";
import { Bm25Encoder, bm25Manifest, measureAverageLength } from "../../../../batch/encoders/bm25-encoder.ts";
import type { EncodedDocument } from "../../../../batch/encoders/encoder.ts";
import { modelFingerprint } from "../../../../shared/model/model-manifest.ts";
import { Vocabulary } from "../../../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../../../shared/text/word-piece.ts";

const PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "fear", "of", "spider", "##s"];
const tokenizer = new WordPieceTokenizer(Vocabulary.parse(new TextEncoder().encode(PIECES.join("\n"))));
const TABLES = { vocabulary: "1".repeat(64), idf: "2".repeat(64) };

async function encode(text: string, averageLength = 4): Promise<EncodedDocument> {
  const encoder = new Bm25Encoder(bm25Manifest(TABLES, PIECES.length, averageLength), tokenizer);
  const [result] = await encoder.encode([text]);
  if (result === undefined || result instanceof Error) throw new Error("not encoded");
  return result;
}

describe("Bm25Encoder", () => {
  it("returns saturated frequencies of the document's own tokens", async () => {
    const { termIds, weights, ownTermIds, tokenCount, truncated } = await encode("Spiders fear spiders");
    expect(Array.from(termIds)).toEqual([5, 7, 8]);
    expect(ownTermIds).toEqual(termIds);
    // five tokens, average four: the norm is 0.9 · (0.6 + 0.4 · 5/4)
    const norm = 0.9 * (0.6 + (0.4 * 5) / 4);
    [1, 2, 2].forEach((tf, at) => {
      expect(weights[at]).toBeCloseTo(tf / (tf + norm), 6);
    });
    expect({ tokenCount, truncated }).toEqual({ tokenCount: 5, truncated: false });
  });

  it("returns an empty vector for a text of unknown words and literal special tokens", async () => {
    expect(await encode("ξένος [MASK] [SEP]")).toMatchObject({ tokenCount: 0, termIds: new Uint32Array(0) });
  });

  it("has the average length in its fingerprint and weights within its scale", async () => {
    const short = bm25Manifest(TABLES, PIECES.length, 4);
    expect(short.fingerprint).toBe(modelFingerprint(short.identity));
    expect(short.fingerprint).not.toBe(bm25Manifest(TABLES, PIECES.length, 5).fingerprint);
    const { weights } = await encode("fear ".repeat(5000));
    expect(weights[0]).toBeLessThanOrEqual(short.identity.maxWeight);
  });
});

describe("measureAverageLength", () => {
  it("returns the mean of whole tokens over the first thousand texts, at least 1", () => {
    expect(measureAverageLength(tokenizer, ["fear of spiders", "fear"])).toBe(3);
    expect(measureAverageLength(tokenizer, [])).toBe(1);
    const texts = [...Array<string>(1000).fill("fear"), ...Array<string>(1000).fill("fear of spiders")];
    expect(measureAverageLength(tokenizer, texts)).toBe(1);
  });
});

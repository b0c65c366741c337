import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { tokenizeDocument } from "../../../../../batch/encoders/onnx/tokenized-document.ts";
import { Vocabulary } from "../../../../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../../../../shared/text/word-piece.ts";
import { COMMITTED_MODEL } from "../../../../support/onnx-worker.ts";

const tokenizer = new WordPieceTokenizer(Vocabulary.parse(readFileSync(`${COMMITTED_MODEL}/vocab.txt`)));

describe("tokenizeDocument", () => {
  it("wraps the tokens and lists the distinct ones", () => {
    const document = tokenizeDocument(tokenizer, "red planet, red", 16);
    expect(Array.from(document.inputIds)).toEqual([101, 2417, 4774, 1010, 2417, 102]);
    expect(Array.from(document.ownTermIds)).toEqual([1010, 2417, 4774]);
    expect(document).toMatchObject({ tokenCount: 4, truncated: false });
  });

  it("is not truncated when the tokens just fit, and is with one more", () => {
    expect(tokenizeDocument(tokenizer, "red red red red red red", 8)).toMatchObject({ truncated: false });
    const cut = tokenizeDocument(tokenizer, "red red red red red red planet", 8);
    expect(Array.from(cut.inputIds)).toEqual([101, 2417, 2417, 2417, 2417, 2417, 2417, 102]);
    expect(Array.from(cut.ownTermIds)).toEqual([2417, 4774]);
    expect(cut).toMatchObject({ tokenCount: 7, truncated: true });
  });

  it.each(["", " \n\t", "[MASK] [PAD]", "\u{1F9FF}"])("gives nothing to the model for %j", (text) => {
    const document = tokenizeDocument(tokenizer, text, 16);
    expect(document.inputIds).toHaveLength(0);
    expect(document.ownTermIds).toHaveLength(0);
    expect(document).toMatchObject({ tokenCount: 0, truncated: false });
  });

  it("leaves special tokens of the text out of counts, not out of the input", () => {
    const document = tokenizeDocument(tokenizer, "red [MASK] planet", 16);
    expect(Array.from(document.inputIds)).toEqual([101, 2417, 103, 4774, 102]);
    expect(Array.from(document.ownTermIds)).toEqual([2417, 4774]);
    expect(document.tokenCount).toBe(2);
  });
});

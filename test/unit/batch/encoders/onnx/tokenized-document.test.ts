import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { tokenizeDocument } from "../../../../../batch/encoders/onnx/tokenized-document.ts";
import { Vocabulary } from "../../../../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../../../../shared/text/word-piece.ts";
import { COMMITTED_MODEL } from "../../../../support/onnx-worker.ts";

const tokenizer = new WordPieceTokenizer(Vocabulary.parse(readFileSync(`${COMMITTED_MODEL}/vocab.txt`)));

const oneWindow = (maxLength: number) => ({ maxLength, maxWindows: 1, overlap: 0 });
const pieces = (window: Int32Array) => Array.from(window, (id) => tokenizer.piece(id)).join(" ");

describe("tokenizeDocument", () => {
  it("wraps the tokens and lists the distinct ones", () => {
    const document = tokenizeDocument(tokenizer, "red planet, red", oneWindow(16));
    expect(Array.from(document.windows[0]!)).toEqual([101, 2417, 4774, 1010, 2417, 102]);
    expect(Array.from(document.ownTermIds)).toEqual([1010, 2417, 4774]);
    expect(document).toMatchObject({ tokenCount: 4, unseenTokens: 0 });
  });

  it("is not truncated when the tokens just fit, and is with one more", () => {
    expect(tokenizeDocument(tokenizer, "red red red red red red", oneWindow(8))).toMatchObject({
      unseenTokens: 0,
    });
    const cut = tokenizeDocument(tokenizer, "red red red red red red planet", oneWindow(8));
    expect(Array.from(cut.windows[0]!)).toEqual([101, 2417, 2417, 2417, 2417, 2417, 2417, 102]);
    expect(Array.from(cut.ownTermIds)).toEqual([2417, 4774]);
    expect(cut).toMatchObject({ tokenCount: 7, unseenTokens: 1 });
  });

  it.each(["", " \n\t", "[MASK] [PAD]", "\u{1F9FF}"])("gives nothing to the model for %j", (text) => {
    const document = tokenizeDocument(tokenizer, text, oneWindow(16));
    expect(document.windows).toHaveLength(0);
    expect(document.ownTermIds).toHaveLength(0);
    expect(document).toMatchObject({ tokenCount: 0, unseenTokens: 0 });
  });

  it("leaves special tokens of the text out of counts, not out of the input", () => {
    const document = tokenizeDocument(tokenizer, "red [MASK] planet", oneWindow(16));
    expect(Array.from(document.windows[0]!)).toEqual([101, 2417, 103, 4774, 102]);
    expect(Array.from(document.ownTermIds)).toEqual([2417, 4774]);
    expect(document.tokenCount).toBe(2);
  });

  it("makes windows that overlap and cut no word", () => {
    const document = tokenizeDocument(tokenizer, "red planet arachnologist spiders", {
      maxLength: 7,
      maxWindows: 4,
      overlap: 1,
    });
    expect(document.windows.map(pieces)).toEqual([
      "[CLS] red planet [SEP]",
      "[CLS] planet ara ##ch ##no ##logist [SEP]",
      "[CLS] ara ##ch ##no ##logist spiders [SEP]",
    ]);
    expect(document).toMatchObject({ tokenCount: 7, unseenTokens: 0 });
  });

  it("counts what lies behind the last window, unknown words too", () => {
    const document = tokenizeDocument(tokenizer, `${"red ".repeat(11)}\u{1F9FF} planet`, {
      maxLength: 8,
      maxWindows: 2,
      overlap: 1,
    });
    expect(document.windows.map((window) => window.length)).toEqual([8, 8]);
    expect(document).toMatchObject({ tokenCount: 12, unseenTokens: 2 });
    expect(Array.from(document.ownTermIds)).toEqual([2417, 4774]);
  });
});

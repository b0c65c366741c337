import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SPECIAL_TOKENS, Vocabulary } from "../../../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../../../shared/text/word-piece.ts";
import { loadVocabulary } from "../../../support/vocabulary.ts";

const tokenizer = new WordPieceTokenizer(loadVocabulary());
const { unk, mask, pad } = tokenizer.special;

function piecesOf(text: string): string[] {
  return tokenizer.tokenize(text).map((id) => tokenizer.piece(id));
}

/** Any string, lone surrogates included, thick with what the tokenizer treats in its own way. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
      fc.constantFrom(
        ...SPECIAL_TOKENS,
        " ",
        "\u0301",
        "\u302e",
        "\u1b44",
        "\u200b",
        "가",
        "中",
        "unaffable",
      ),
    ),
  )
  .map((parts) => parts.join(""));

describe("WordPieceTokenizer", () => {
  it("takes the longest piece first and marks the others as continuations", () => {
    expect(piecesOf("Unaffable, embeddings!")).toEqual([
      "una",
      "##ffa",
      "##ble",
      ",",
      "em",
      "##bed",
      "##ding",
      "##s",
      "!",
    ]);
  });

  it("gives no ids for a text without words", () => {
    for (const text of ["", " \t\n\u3000", "\u0301\u200b\u0000", "\ud800"])
      expect(tokenizer.tokenize(text)).toEqual([]);
  });

  it("turns a word of which a part is unknown into one [UNK]", () => {
    const small = new WordPieceTokenizer(
      Vocabulary.parse(new TextEncoder().encode([...SPECIAL_TOKENS, "ab", "##c", "x"].join("\n"))),
    );
    expect(small.tokenize("abc abcc abd x cab")).toEqual([5, 6, 5, 6, 6, 1, 7, 1]);
  });

  it("turns a word of more than 100 code points into [UNK]", () => {
    expect(tokenizer.tokenize("a".repeat(101))).toEqual([unk]);
    expect(tokenizer.tokenize("a".repeat(100))).not.toContain(unk);
    expect(tokenizer.tokenize("e\u0301".repeat(100))).not.toContain(unk);
  });

  it("finds literal special tokens in the raw text only", () => {
    expect(tokenizer.tokenize("a[MASK]b")).toEqual([
      ...tokenizer.tokenize("a"),
      mask,
      ...tokenizer.tokenize("b"),
    ]);
    expect(tokenizer.tokenize("[[PAD]]")).toContain(pad);
    expect(tokenizer.tokenize("[mask] [MA\u200bSK] [ MASK]")).not.toContain(mask);
  });

  it("lower-cases sigma without looking around it", () => {
    expect(tokenizer.tokenize("ΟΔΟΣ")).toEqual(tokenizer.tokenize("οδοσ"));
    expect(tokenizer.tokenize("ΟΔΟΣ")).not.toEqual(tokenizer.tokenize("οδος"));
  });

  it("places words in UTF-16 units, accents that follow inside", () => {
    const text = " \u200bCafe\u0301\u200b, 😀中[SEP]İ";
    const slices = tokenizer.tokenizeWithOffsets(text).map(({ start, end }) => text.slice(start, end));
    expect(slices).toEqual(["Cafe\u0301", ",", "😀", "中", "[SEP]", "İ"]);
  });

  it("gives an equal answer for the words and their slices, whatever the text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const words = tokenizer.tokenizeWithOffsets(text);
        expect(words.flatMap((word) => word.tokenIds)).toEqual(tokenizer.tokenize(text));
        for (const { start, end, tokenIds } of words) {
          expect(tokenizer.tokenize(text.slice(start, end))).toEqual(tokenIds);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("treats texts around a space apart, and lone surrogates as U+FFFD", () => {
    fc.assert(
      fc.property(anyText, anyText, (left, right) => {
        const wellFormed = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(
          new TextEncoder().encode(left),
        );
        expect(tokenizer.tokenize(wellFormed)).toEqual(tokenizer.tokenize(left));
        expect(tokenizer.tokenize(`${left} ${right}`)).toEqual([
          ...tokenizer.tokenize(left),
          ...tokenizer.tokenize(right),
        ]);
      }),
      { numRuns: 500 },
    );
  });

  it("throws for a piece out of range", () => {
    expect(() => tokenizer.piece(30_522)).toThrow(expect.objectContaining({ code: "token_id_out_of_range" }));
  });
});

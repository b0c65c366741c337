import { describe, expect, it } from "vitest";
import { isLzeroError } from "../../../../shared/errors.ts";
import { SPECIAL_TOKENS, Vocabulary } from "../../../../shared/text/vocabulary.ts";
import { loadVocabulary } from "../../../support/vocabulary.ts";

const encoder = new TextEncoder();

function parseLines(...lines: string[]): Vocabulary {
  return Vocabulary.parse(encoder.encode(lines.map((line) => `${line}\n`).join("")));
}

function failureOf(act: () => unknown): { code: string; details: object } {
  try {
    act();
  } catch (error) {
    if (isLzeroError(error)) return { code: error.code, details: error.details };
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("Vocabulary", () => {
  it("gives every piece of bert-base-uncased its line number, and back", () => {
    const vocabulary = loadVocabulary();
    expect(vocabulary.size).toBe(30_522);
    expect(vocabulary.special).toEqual({ pad: 0, unk: 100, cls: 101, sep: 102, mask: 103 });
    for (let id = 0; id < vocabulary.size; id++) expect(vocabulary.idOf(vocabulary.pieceOf(id))).toBe(id);
    expect(vocabulary.pieceOf(2075)).toBe("##ing");
  });

  it("returns -1 for what is no piece", () => {
    const vocabulary = parseLines(...SPECIAL_TOKENS, "ab", "##ab", "#");
    expect(["", "a", "abc", "##a", "##", "[pad]", "[PAD]\n"].map((piece) => vocabulary.idOf(piece))).toEqual(
      Array.from({ length: 7 }, () => -1),
    );
    expect([vocabulary.idOf("ab"), vocabulary.idOf("##ab"), vocabulary.idOf("#")]).toEqual([5, 6, 7]);
  });

  it("reads CR LF, and a last line without its end", () => {
    const vocabulary = Vocabulary.parse(encoder.encode([...SPECIAL_TOKENS, "é", "##x"].join("\r\n")));
    expect(vocabulary.size).toBe(7);
    expect([vocabulary.pieceOf(0), vocabulary.pieceOf(5), vocabulary.pieceOf(6)]).toEqual([
      "[PAD]",
      "é",
      "##x",
    ]);
  });

  it("keeps the special tokens wherever they stand", () => {
    const vocabulary = parseLines("a", "[MASK]", "[SEP]", "b", "[CLS]", "[UNK]", "[PAD]");
    expect(vocabulary.special).toEqual({ pad: 6, unk: 5, cls: 4, sep: 2, mask: 1 });
  });

  it("refuses a vocabulary without pieces, with an empty or a repeated one, naming the line", () => {
    expect(failureOf(() => parseLines())).toEqual({ code: "vocabulary_invalid", details: { line: 1 } });
    expect(failureOf(() => parseLines(...SPECIAL_TOKENS, "", "a"))).toMatchObject({
      code: "vocabulary_invalid",
      details: { line: 6 },
    });
    expect(failureOf(() => parseLines(...SPECIAL_TOKENS, "a", "b", "a"))).toEqual({
      code: "vocabulary_invalid",
      details: { line: 8, firstLine: 6 },
    });
  });

  it.each(SPECIAL_TOKENS)("refuses a vocabulary without %s", (missing) => {
    const rest = SPECIAL_TOKENS.filter((piece) => piece !== missing);
    expect(failureOf(() => parseLines(...rest, "a"))).toMatchObject({
      code: "vocabulary_invalid",
      details: { missing },
    });
  });

  it("refuses bytes that are not UTF-8, naming the line", () => {
    const bytes = encoder.encode(`${SPECIAL_TOKENS.join("\n")}\nab\n`);
    bytes[bytes.length - 2] = 0xff;
    expect(failureOf(() => Vocabulary.parse(bytes))).toEqual({
      code: "vocabulary_invalid",
      details: { line: 6 },
    });
  });

  it("refuses an id out of range", () => {
    const vocabulary = parseLines(...SPECIAL_TOKENS);
    for (const tokenId of [-1, 5, 1.5, Number.NaN]) {
      expect(failureOf(() => vocabulary.pieceOf(tokenId))).toMatchObject({ code: "token_id_out_of_range" });
    }
  });
});

import { describe, expect, it } from "vitest";
import { MAX_WORD_CODE_POINTS, NormalizedWord } from "../../../../shared/text/normalize.ts";
import { CodePointKind, KIND_MASK, UnicodeTables } from "../../../../shared/text/unicode-tables.ts";

const tables = UnicodeTables.decode();
const word = new NormalizedWord(tables);

function normalize(text: string): string {
  word.clear();
  for (const char of text) {
    const entry = tables.entryOf(char.codePointAt(0)!);
    if ((entry & KIND_MASK) === CodePointKind.barrier) word.endMarks();
    else if ((entry & KIND_MASK) !== CodePointKind.accent) word.append(char.codePointAt(0)!, entry);
  }
  word.endMarks();
  return new TextDecoder().decode(word.bytes.subarray(0, word.sizeBytes));
}

describe("NormalizedWord", () => {
  it("lower-cases, decomposes and drops accents", () => {
    expect(normalize("ÀÉÎõÜÇ İẞΣςЙ")).toBe("aeiouc ißσςи");
  });

  it("decomposes Hangul syllables into two or three jamo", () => {
    expect(normalize("가각힣")).toBe("\u1100\u1161\u1100\u1161\u11a8\u1112\u1175\u11c2");
  });

  it("expands a character that is several", () => {
    expect(normalize("\u0bca\u{1d160}")).toBe("\u0bc6\u0bbe\u{1d158}\u{1d165}\u{1d16e}");
  });

  it("puts marks into canonical order, equals in theirs, past accents but not past barriers", () => {
    expect(normalize("a\u302e\u302f\u1b44")).toBe("a\u1b44\u302e\u302f");
    expect(normalize("a\u302e\u0301\u1b44")).toBe("a\u1b44\u302e");
    expect(normalize("a\u302e\u034f\u1b44")).toBe("a\u302e\u1b44");
    expect(normalize("a\u302eb\u1b44")).toBe("a\u302eb\u1b44");
  });

  it("counts code points past the limit without keeping them", () => {
    const longest = "\u{10400}".repeat(MAX_WORD_CODE_POINTS);
    expect(normalize(longest)).toBe("\u{10428}".repeat(MAX_WORD_CODE_POINTS));
    expect(word.isTooLong).toBe(false);
    normalize(`${longest}\u302e\u1b44가`);
    expect(word.isTooLong).toBe(true);
    expect(word.codePoints).toBe(MAX_WORD_CODE_POINTS + 4);
    expect(word.sizeBytes).toBe(word.bytes.length);
  });
});

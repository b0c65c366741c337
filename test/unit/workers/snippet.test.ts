import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseSnippet, SNIPPET_CHARACTERS } from "../../../workers/search/snippet.ts";

describe("chooseSnippet", () => {
  it("is the whole of a short text", () => {
    expect(chooseSnippet("a short text", [[2, 7]])).toEqual([0, 12]);
  });

  it("begins at the beginning when nothing matches", () => {
    expect(chooseSnippet("word ".repeat(200), [])[0]).toBe(0);
  });

  it("holds the densest run of matches and cuts between words", () => {
    const text = `${"alpha ".repeat(20)}${"beta ".repeat(200)}spider web spider ${"gamma ".repeat(100)}`;
    const at = text.indexOf("spider");
    const [start, end] = chooseSnippet(text, [
      [0, 5],
      [at, at + 6],
      [at + 11, at + 17],
    ]);
    expect(text.slice(start, end)).toContain("spider web spider");
    expect(text[start - 1]).toBe(" ");
    expect(text[end]).toBe(" ");
  });

  it("is a range of the text, of bounded length, that splits no character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 700 }), fc.nat(700), (text, at) => {
        const from = Math.min(at, Math.max(0, text.length - 1));
        const [start, end] = chooseSnippet(text, text.length === 0 ? [] : [[from, from + 1]]);
        expect(start).toBeGreaterThanOrEqual(0);
        expect(end).toBeLessThanOrEqual(text.length);
        expect(end - start).toBeLessThanOrEqual(SNIPPET_CHARACTERS + 1);
        if (text.isWellFormed()) expect(text.slice(start, end).isWellFormed()).toBe(true);
      }),
    );
  });
});

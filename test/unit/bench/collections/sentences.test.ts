import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomOf } from "../../../bench/collections/random.ts";
import { joinWindows, splitSentences } from "../../../bench/collections/sentences.ts";

describe("splitSentences", () => {
  it("returns one sentence for each full stop that ends one", () => {
    const text = 'We show X (Fig. 2), as Smith et al. Did. "It works!" Is it so? Yes: 3.5 mm.';
    expect(splitSentences(text)).toEqual([
      "We show X (Fig. 2), as Smith et al. Did.",
      '"It works!"',
      "Is it so?",
      "Yes: 3.5 mm.",
    ]);
  });

  it("returns nothing for white space", () => {
    expect(splitSentences(" \n ")).toEqual([]);
  });

  it("returns parts that together are the text but for white space", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("One.", "Dr.", "two", "Three!", "(Four)", "e.g.", "\n", "5.")),
        (words) => {
          const text = words.join(" ");
          expect(splitSentences(text).join(" ").split(/\s+/)).toEqual(text.trim().split(/\s+/));
        },
      ),
    );
  });
});

describe("joinWindows", () => {
  const sentences = Array.from({ length: 1000 }, (_, at) => `This is sentence number ${at}.`);

  it("returns windows that do not overlap and leave nothing out", () => {
    const windows = joinWindows(sentences, { chances: [0.5, 0.3, 0.2], minWords: 1 }, randomOf(1));
    expect(windows.join(" ")).toBe(sentences.join(" "));
  });

  it("returns windows of the sizes asked for", () => {
    const windows = joinWindows(sentences, { chances: [0.5, 0.3, 0.2], minWords: 1 }, randomOf(1));
    const counts = [1, 2, 3].map(
      (size) => windows.filter((window) => window.split(".").length - 1 === size).length / windows.length,
    );
    expect(counts[0]).toBeCloseTo(0.5, 1);
    expect(counts[1]).toBeCloseTo(0.3, 1);
    expect(counts[2]).toBeCloseTo(0.2, 1);
  });

  it("returns no window with fewer words than asked for, but for the last", () => {
    const windows = joinWindows(["A.", "B.", "C d e.", "F."], { chances: [1], minWords: 3 }, randomOf(1));
    expect(windows).toEqual(["A. B. C d e.", "F."]);
  });
});

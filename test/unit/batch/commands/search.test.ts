import { describe, expect, it } from "vitest";
import { formatHits } from "../../../../batch/commands/search.ts";

const answer = (titles: (string | null)[], text = "a morbid fear of spiders") => ({
  generation: 3,
  hits: titles.map((title, at) => ({ id: `id${at}`, score: 10 - at, title, url: null, text })),
  warnings: [],
  stats: { reads: 2, bytesRead: 1000, postings: 5 },
});

describe("formatHits", () => {
  it("prints rank, score, title or id, and text in columns, then the cost", () => {
    expect(formatHits(answer(["arachnophobia", null]), 80).split("\n")).toEqual([
      "  1   10.000  arachnophobia  a morbid fear of spiders",
      "  2    9.000  id1            a morbid fear of spiders",
      "generation 3 · 2 reads · 1000 bytes · 5 postings",
    ]);
  });

  it("keeps each hit on one line of the terminal's width, without control characters", () => {
    const lines = formatHits(answer(["x\u001b[2J\ny"], "🦉".repeat(200)), 40).split("\n");
    expect(lines).toHaveLength(2);
    expect([...lines[0]!]).toHaveLength(40);
    expect(lines[0]).not.toMatch(/\p{Cc}/u);
    expect(lines[0]).toMatch(/🦉…$/u);
  });

  it("says that nothing was found, and the warnings", () => {
    const empty = { ...answer([]), warnings: [{ code: "x", message: "every token is unknown" }, "plain"] };
    expect(formatHits(empty, 80)).toBe("warning: every token is unknown\nwarning: plain\nnothing found");
  });
});

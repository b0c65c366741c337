import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { joinWindows, planWindows, type TokenRange } from "../../../../shared/model/windows.ts";

const everywhere = () => true;

function asPairs(ranges: readonly TokenRange[]): [number, number][] {
  return ranges.map(({ start, end }) => [start, end]);
}

describe("planWindows", () => {
  it("returns one window for what fits, whatever the parameters", () => {
    for (const length of [0, 1, 9, 10])
      expect(asPairs(planWindows(length, 10, { maxWindows: 5, overlap: 3 }, everywhere))).toEqual([
        [0, length],
      ]);
  });

  it("cuts at the length where there is but one window, even inside a word", () => {
    expect(asPairs(planWindows(40, 10, { maxWindows: 1, overlap: 0 }, (at) => at !== 10))).toEqual([[0, 10]]);
  });

  it("shares the overlap between neighbours and ends with the text", () => {
    expect(asPairs(planWindows(25, 10, { maxWindows: 9, overlap: 3 }, everywhere))).toEqual([
      [0, 10],
      [7, 17],
      [14, 24],
      [21, 25],
    ]);
  });

  it("leaves what lies behind the last window that may be", () => {
    expect(asPairs(planWindows(25, 10, { maxWindows: 2, overlap: 3 }, everywhere))).toEqual([
      [0, 10],
      [7, 17],
    ]);
  });

  it("moves both edges back to where a word begins", () => {
    // Words begin at 0, 4, 8, 12, …
    const words = (at: number) => at % 4 === 0;
    expect(asPairs(planWindows(24, 10, { maxWindows: 9, overlap: 3 }, words))).toEqual([
      [0, 8],
      [4, 12],
      [8, 16],
      [12, 20],
      [16, 24],
    ]);
  });

  it("always ends behind the window before, also where it began a word earlier", () => {
    // The second window begins at 1, and of the edges that it could end at only the first one's end begins a word.
    const words = (at: number) => at === 0 || at === 1 || at === 3;
    const ranges = planWindows(9, 3, { maxWindows: 9, overlap: 1 }, words);
    for (const [at, { end }] of ranges.entries()) expect(end).toBeGreaterThan(ranges[at - 1]?.end ?? 0);
  });

  it("covers every token it may, cuts no word that has room, and always advances", () => {
    const text = fc.record({
      begins: fc.array(fc.boolean(), { maxLength: 300 }),
      capacity: fc.integer({ min: 1, max: 40 }),
      overlap: fc.integer({ min: 0, max: 39 }),
      maxWindows: fc.integer({ min: 1, max: 30 }),
    });
    fc.assert(
      fc.property(text, ({ begins, capacity, overlap, maxWindows }) => {
        fc.pre(overlap < capacity);
        const beginsWord = (at: number) => begins[at]!;
        const windows = planWindows(begins.length, capacity, { maxWindows, overlap }, beginsWord);
        expect(windows.length).toBeLessThanOrEqual(maxWindows);
        expect(windows[0]!.start).toBe(0);
        windows.forEach(({ start, end }, at) => {
          expect(end - start).toBeLessThanOrEqual(capacity);
          const before = windows[at - 1];
          if (before === undefined) return;
          expect(start).toBeGreaterThan(before.start);
          expect(end).toBeGreaterThan(before.end);
          // Without a gap, and with all of the overlap.
          expect(before.end - start).toBeGreaterThanOrEqual(overlap);
          const from = Math.max(before.start + overlap, windows[at - 2]?.end ?? 0);
          const reachable = begins.slice(from + 1, before.start + capacity + 1);
          if (reachable.includes(true)) expect(beginsWord(before.end)).toBe(true);
        });
        if (windows.length < maxWindows) expect(windows.at(-1)!.end).toBe(begins.length);
      }),
    );
  });
});

const vectors = (...rows: [number, number][][]) =>
  rows.map((row) => ({
    termIds: Uint32Array.from(row, ([id]) => id),
    weights: Float32Array.from(row, ([, weight]) => weight),
  }));

describe("joinWindows", () => {
  it("takes the maximum of each term", () => {
    const joined = joinWindows(
      vectors(
        [
          [3, 0.5],
          [7, 1],
        ],
        [
          [1, 0.25],
          [3, 0.75],
          [7, 0.5],
        ],
      ),
      { topK: 10, pruneRatio: 0 },
    );
    expect(joined).toEqual({
      termIds: Uint32Array.of(1, 3, 7),
      weights: Float32Array.of(0.25, 0.75, 1),
      cut: 0,
    });
  });

  it("prunes by the largest weight of all windows", () => {
    const windows = vectors([[1, 0.5]], [[2, 2]], [[3, 1.25]]);
    expect(Array.from(joinWindows(windows, { topK: 10, pruneRatio: 0.5 }).termIds)).toEqual([2, 3]);
  });

  it("keeps the topK largest and counts the rest", () => {
    const windows = vectors(
      [
        [1, 0.5],
        [4, 0.75],
      ],
      [
        [2, 0.75],
        [9, 1],
      ],
    );
    const joined = joinWindows(windows, { topK: 2, pruneRatio: 0 });
    expect(Array.from(joined.termIds)).toEqual([2, 9]);
    expect(joined.cut).toBe(2);
  });

  it("returns nothing for no windows", () => {
    expect(joinWindows([], { topK: 5, pruneRatio: 0 }).termIds).toHaveLength(0);
  });
});

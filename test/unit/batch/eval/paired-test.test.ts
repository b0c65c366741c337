import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testPaired } from "../../../../batch/eval/paired-test.ts";

/** All 2^n sign patterns by recursion: the definition. */
function enumerate(differences: readonly number[]): number {
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0));
  let hits = 0;
  const visit = (at: number, sum: number): void => {
    if (at === differences.length) {
      if (Math.abs(sum) >= observed - 1e-12) hits++;
      return;
    }
    visit(at + 1, sum + differences[at]!);
    visit(at + 1, sum - differences[at]!);
  };
  visit(0, 0);
  return hits / 2 ** differences.length;
}

describe("testPaired", () => {
  it("equals a p-value worked out by hand", () => {
    // Of ±.1 ±.2 ±.3 only +++ and --- reach .6. With a fourth, −.1, the sum is .5: all plus, and either .1 turned,
    // and the mirrors of these three.
    expect(testPaired([0.1, 0.2, 0.3])).toMatchObject({ pValue: 2 / 8, isExact: true, permutations: 8 });
    expect(testPaired([0.1, 0.2, 0.3, -0.1]).pValue).toBe(6 / 16);
  });

  it("equals an enumeration of all sign patterns", () => {
    const difference = fc.integer({ min: -10, max: 10 }).map((tenths) => tenths / 10);
    fc.assert(
      fc.property(fc.array(difference, { minLength: 1, maxLength: 10 }), (differences) => {
        const result = testPaired(differences);
        expect(result.isExact).toBe(true);
        expect(result.pValue).toBeCloseTo(enumerate(differences), 12);
      }),
    );
  });

  it("comes near the enumeration by sampling", () => {
    const differences = Array.from({ length: 16 }, (_, i) => ((i * 7) % 11) / 10 - 0.45);
    const exact = testPaired(differences);
    const sampled = testPaired(differences, { permutations: 50_000 });
    expect([exact.isExact, sampled.isExact]).toEqual([true, false]);
    // Five standard deviations of a share of 50,000.
    expect(Math.abs(sampled.pValue - exact.pValue)).toBeLessThan(
      5 * Math.sqrt((exact.pValue * (1 - exact.pValue)) / 50_000),
    );
  });

  it("gives the same p-value for the same seed, another for another, and never 0", () => {
    const differences = Array.from({ length: 60 }, (_, i) => Math.sin(i * 12.9898) + 0.1);
    const once = testPaired(differences, { permutations: 10_000, seed: 3 });
    expect(testPaired(differences, { permutations: 10_000, seed: 3 })).toEqual(once);
    expect(testPaired(differences, { permutations: 10_000, seed: 4 }).pValue).not.toBe(once.pValue);
    expect(testPaired(Array(80).fill(0.1), { permutations: 10_000 }).pValue).toBe(1 / 10_001);
  });

  it("rejects a true null hypothesis about as often as it should", () => {
    // Differences of known symmetric sign: p under .2 for about a fifth of the samples.
    const rejected = Array.from({ length: 200 }, (_, sample) => {
      const differences = Array.from({ length: 40 }, (_, i) => {
        const noise = Math.sin((sample * 40 + i + 1) * 78.233) * 43758.5453;
        return noise - Math.floor(noise) - 0.5;
      });
      return testPaired(differences, { permutations: 10_000, seed: sample + 1 }).pValue;
    }).filter((pValue) => pValue < 0.2).length;
    expect(rejected).toBeGreaterThan(20);
    expect(rejected).toBeLessThan(62);
  });

  it("counts wins, ties and losses, and takes rounding for a tie", () => {
    expect(testPaired([0.5, 0, 0.1 + 0.2 - 0.3, -0.25])).toMatchObject({
      wins: 1,
      ties: 2,
      losses: 1,
      difference: 0.0625,
    });
  });

  it("finds nothing in equal systems", () => {
    expect(testPaired([0, 0, 0])).toMatchObject({ pValue: 1, difference: 0, wins: 0, ties: 3, losses: 0 });
  });

  it.each([
    [[], {}],
    [[Number.NaN], {}],
    [[1], { permutations: 9_999 }],
  ])("refuses %j with %j", (differences, options) => {
    expect(() => testPaired(differences, options)).toThrow(expect.objectContaining({ code: "test_invalid" }));
  });
});

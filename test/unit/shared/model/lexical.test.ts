import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addWeights, lexicalWeights, maxLexicalWeight } from "../../../../shared/model/lexical.ts";

const PARAMETERS = { alpha: 0.5, k1: 0.9, b: 0.4, averageLength: 4 };

describe("lexicalWeights", () => {
  it("returns hand-computed weights by ascending token id", () => {
    // length 4 = average, so the denominator is tf + 0.9: 0.5·1.9·2/2.9 and 0.5·1.9·1/1.9
    const { termIds, weights } = lexicalWeights([7, 3, 7, 5], PARAMETERS);
    expect(Array.from(termIds)).toEqual([3, 5, 7]);
    expect(weights[2]).toBeCloseTo(0.6551724, 6);
    expect(weights[0]).toBeCloseTo(0.5, 6);
  });

  it("returns nothing for no tokens", () => {
    expect(lexicalWeights([], PARAMETERS).termIds).toHaveLength(0);
  });

  it("stays under its bound and rises with the frequency", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), (frequency) => {
        const weightOf = (count: number) =>
          lexicalWeights([...Array<number>(count).fill(9), ...Array<number>(500 - count).fill(1)], PARAMETERS)
            .weights[1]!;
        expect(weightOf(frequency)).toBeLessThan(maxLexicalWeight(PARAMETERS));
        expect(weightOf(frequency + 1)).toBeGreaterThan(weightOf(frequency));
      }),
    );
  });
});

describe("addWeights", () => {
  it("equals addition in a map", () => {
    const vector = fc
      .uniqueArray(fc.nat(40), { maxLength: 20 })
      .map((ids) => Uint32Array.from(ids).sort())
      .map((termIds) => ({ termIds, weights: Float32Array.from(termIds, (id) => id + 0.5) }));
    fc.assert(
      fc.property(vector, vector, (a, b) => {
        const expected = new Map<number, number>();
        for (const { termIds, weights } of [a, b]) {
          termIds.forEach((id, at) => {
            expected.set(id, (expected.get(id) ?? 0) + weights[at]!);
          });
        }
        const sum = addWeights(a, b);
        expect(Array.from(sum.termIds)).toEqual([...expected.keys()].sort((x, y) => x - y));
        expect(Array.from(sum.weights)).toEqual(Array.from(sum.termIds, (id) => expected.get(id)));
      }),
    );
  });
});

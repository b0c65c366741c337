import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addWeights, lexicalWeights, stemClasses } from "../../../../shared/model/lexical.ts";

const PARAMETERS = { alpha: 0.5, k1: 0.9, b: 0.4, averageLength: 4 };

describe("lexicalWeights", () => {
  it("returns hand-computed weights by ascending token id", () => {
    // length 4 = average, so the denominator is tf + 0.9: 0.5·2/2.9 and 0.5·1/1.9
    const { termIds, weights } = lexicalWeights([7, 3, 7, 5], PARAMETERS);
    expect(Array.from(termIds)).toEqual([3, 5, 7]);
    expect(weights[2]).toBeCloseTo(0.3448276, 6);
    expect(weights[0]).toBeCloseTo(0.2631579, 6);
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
        expect(weightOf(frequency)).toBeLessThan(PARAMETERS.alpha);
        expect(weightOf(frequency + 1)).toBeGreaterThan(weightOf(frequency));
      }),
    );
  });
});

describe("lexicalWeights with stem classes", () => {
  // 3, 7 and 9 share a stem, 4 and 5 another; 8 has none
  const stems = stemClasses(Uint16Array.of(0, 0, 0, 1, 2, 2, 0, 1, 0, 1), 0.5);

  it("lets words of one stem count for each other, also those that the document lacks", () => {
    const { termIds, weights } = lexicalWeights([7, 3, 7, 8], PARAMETERS, stems);
    expect(Array.from(termIds)).toEqual([3, 7, 8, 9]);
    // tf' = 1 + 0.5·2, 2 + 0.5·1, 1, 0 + 0.5·3; the length stays 4
    const saturated = [2, 2.5, 1, 1.5].map((tf) => (0.5 * tf) / (tf + 0.9));
    weights.forEach((weight, at) => {
      expect(weight).toBeCloseTo(saturated[at]!, 6);
    });
  });

  it("is the plain weight for a share of 0", () => {
    const none = stemClasses(stems.classOf, 0);
    expect(lexicalWeights([7, 3, 7, 8], PARAMETERS, none)).toEqual(lexicalWeights([7, 3, 7, 8], PARAMETERS));
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

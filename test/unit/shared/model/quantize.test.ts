import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maxImpactOf, quantizeWeights } from "../../../../shared/model/quantize.ts";

describe("quantizeWeights", () => {
  it("returns round(w · 255 / maxWeight), clips above and drops zeros", () => {
    const weights = Float32Array.of(2, 1, 2.5, 0.001, 2 / 255, 2.001);
    const termIds = Uint32Array.of(1, 5, 7, 9, 11, 13);
    expect(quantizeWeights(termIds, weights, 2)).toEqual({
      termIds: Uint32Array.of(1, 5, 7, 11, 13),
      impacts: Uint8Array.of(255, 128, 255, 1, 255),
      clipped: 1,
      dropped: 1,
    });
  });

  it("keeps every weight within half a step, in order, and accounts for each", () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: Math.fround(1e-6), max: 10, noNaN: true }), { maxLength: 50 }),
        fc.double({ min: 0.1, max: 10, noNaN: true }),
        (values, maxWeight) => {
          const weights = Float32Array.from(values);
          const given = Uint32Array.from(values, (_, at) => 3 * at);
          const { termIds, impacts, clipped, dropped } = quantizeWeights(given, weights, maxWeight);
          expect(termIds.length).toBe(impacts.length);
          expect(dropped).toBe(weights.length - termIds.length);
          expect(weights.filter((weight) => weight > (maxWeight * 255.5) / 255).length).toBe(clipped);
          const impactOf = new Map(Array.from(termIds, (termId, at) => [termId, impacts[at]!]));
          given.forEach((termId, at) => {
            const weight = weights[at]!;
            const restored = ((impactOf.get(termId) ?? 0) * maxWeight) / 255;
            expect(Math.abs(restored - Math.min(weight, maxWeight))).toBeLessThanOrEqual(maxWeight / 509);
          });
        },
      ),
    );
  });

  it("returns nothing for nothing", () => {
    const { termIds, impacts, clipped, dropped } = quantizeWeights(
      new Uint32Array(0),
      new Float32Array(0),
      1,
    );
    expect([termIds.length, impacts.length, clipped, dropped]).toEqual([0, 0, 0, 0]);
  });

  it("refuses weights that are not finite and above 0, naming index and value", () => {
    for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(() => quantizeWeights(Uint32Array.of(1, 2), Float32Array.of(1, bad), 2)).toThrowError(
        expect.objectContaining({
          code: "weight_out_of_range",
          details: expect.objectContaining({ index: 1, actual: String(bad) }),
        }),
      );
    }
    for (const maxWeight of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => quantizeWeights(Uint32Array.of(1), Float32Array.of(1), maxWeight)).toThrowError(
        expect.objectContaining({ code: "weight_out_of_range" }),
      );
    }
  });

  it("refuses arrays of different lengths", () => {
    expect(() => quantizeWeights(Uint32Array.of(1), Float32Array.of(1, 2), 2)).toThrowError(
      expect.objectContaining({ code: "segment_input_invalid" }),
    );
  });
});

describe("quantizeWeights to fewer bits", () => {
  it.each([4, 5, 6, 8])(
    "maps maxWeight to the largest impact of %i bits and errs by half a step at most",
    (bits) => {
      const largest = maxImpactOf(bits);
      const weights = Float32Array.from({ length: 200 }, (_, at) => (at + 1) / 50);
      const { termIds, impacts, clipped, dropped } = quantizeWeights(
        Uint32Array.from(weights.keys()),
        weights,
        2,
        bits,
      );
      expect(clipped + impacts.length + dropped).toBeGreaterThanOrEqual(200);
      termIds.forEach((term, at) => {
        const weight = Math.min(2, weights[term]!);
        expect(impacts[at]!).toBeLessThanOrEqual(largest);
        expect(Math.abs((impacts[at]! * 2) / largest - weight)).toBeLessThanOrEqual(1 / largest + 1e-6);
      });
      expect(impacts.at(-1)).toBe(largest);
    },
  );
});

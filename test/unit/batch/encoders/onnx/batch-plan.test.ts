import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planBatches } from "../../../../../batch/encoders/onnx/batch-plan.ts";

const limits = fc.record({
  tokenBudget: fc.integer({ min: 1, max: 600 }),
  maxRows: fc.integer({ min: 1, max: 40 }),
});

describe("planBatches", () => {
  it("puts each sequence that has tokens into one batch, within the limits", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 200 }),
        limits,
        (lengths, bounds) => {
          const batches = planBatches(lengths, bounds);
          const expected = lengths.map((_, index) => index).filter((index) => lengths[index]! > 0);
          expect(batches.flat().sort((a, b) => a - b)).toEqual(expected);
          for (const batch of batches) {
            const longest = Math.max(...batch.map((index) => lengths[index]!));
            expect(batch.length).toBeLessThanOrEqual(bounds.maxRows);
            if (batch.length > 1) expect(longest * batch.length).toBeLessThanOrEqual(bounds.tokenBudget);
          }
        },
      ),
    );
  });

  it("orders batches by length, so that little is padding", () => {
    const batches = planBatches([5, 9, 5, 9, 5, 9], { tokenBudget: 18, maxRows: 10 });
    expect(batches).toEqual([
      [1, 3],
      [5, 0],
      [2, 4],
    ]);
  });
});

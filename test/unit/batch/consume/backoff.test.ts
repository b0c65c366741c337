import { describe, expect, it } from "vitest";
import { backoffMs } from "../../../../batch/consume/backoff.ts";

const at = (failures: number, random: number) =>
  backoffMs(failures, { firstMs: 1000, longestMs: 60_000, random: () => random });

describe("backoffMs", () => {
  it("doubles from the first wait to the longest", () => {
    expect([1, 2, 3, 6, 7, 8, 1000].map((failures) => at(failures, 1))).toEqual([
      1000, 2000, 4000, 32_000, 60_000, 60_000, 60_000,
    ]);
  });

  it("draws from the upper half of each wait", () => {
    expect(at(3, 0)).toBe(2000);
    expect(at(3, 0.5)).toBe(3000);
    const drawn = new Set(
      Array.from({ length: 100 }, () => backoffMs(1, { firstMs: 1000, longestMs: 1000 })),
    );
    expect(drawn.size).toBeGreaterThan(90);
    for (const ms of drawn) {
      expect(ms).toBeGreaterThanOrEqual(500);
      expect(ms).toBeLessThanOrEqual(1000);
    }
  });
});

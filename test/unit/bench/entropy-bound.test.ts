import { describe, expect, it } from "vitest";
import { entropyBound } from "../../bench/entropy-bound.ts";

describe("entropyBound", () => {
  it("counts the ways to choose ordinals and the entropy of impacts, list by list", () => {
    const lists = {
      documents: 4,
      offsets: Uint32Array.of(0, 2, 2, 6),
      ordinals: Uint32Array.of(0, 3, 0, 1, 2, 3),
      impacts: Uint8Array.of(7, 9, 5, 5, 5, 1),
    };
    const { ordinalBits, impactBits, bits } = entropyBound(lists);
    // Six ways to choose two of four, one to choose all; a fair coin, and one of three to one.
    expect(ordinalBits).toBeCloseTo(Math.log2(6), 9);
    expect(impactBits).toBeCloseTo(2 + 3 * Math.log2(4 / 3) + 2, 9);
    expect(bits).toBeCloseTo(ordinalBits + impactBits, 9);
  });
});

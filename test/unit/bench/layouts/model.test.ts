import { describe, expect, it } from "vitest";
import { dollarsPerMillion, millisecondsOf, roundsOf } from "../../../bench/layouts/model.ts";

const time = { firstByteMs: 100, bytesPerMs: 1000 };

describe("millisecondsOf", () => {
  it("waits for each phase, and lets a seventh read wait for a connection but not for bytes", () => {
    expect(millisecondsOf([], time)).toBe(0);
    expect(millisecondsOf([[5000]], time)).toBe(105);
    expect(millisecondsOf([[5000], [], [0]], time)).toBe(205);
    expect(millisecondsOf([new Array(6).fill(50_000)], time)).toBe(150);
    expect(millisecondsOf([new Array(7).fill(50_000)], time)).toBe(250);
    expect(millisecondsOf([[500_000, 0, 0, 0, 0, 0, 0]], time)).toBe(600);
  });
});

describe("roundsOf", () => {
  it("counts waves of six in each phase", () => {
    expect(roundsOf([[1], [], [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]])).toBe(4);
  });
});

describe("dollarsPerMillion", () => {
  it("adds requests, processor time and reads at list prices", () => {
    expect(dollarsPerMillion(0, 0)).toBeCloseTo(0.3);
    expect(dollarsPerMillion(10, 2)).toBeCloseTo(1.5);
  });
});

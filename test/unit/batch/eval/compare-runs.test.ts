import { describe, expect, it } from "vitest";
import { compareRuns } from "../../../../batch/eval/compare-runs.ts";
import { formatComparison } from "../../../../batch/eval/format-comparison.ts";

const qrels = new Map([
  ["q1", new Map([["d1", 1]])],
  ["q2", new Map([["d2", 1]])],
  [
    "q3",
    new Map([
      ["d3", 2],
      ["d4", 1],
    ]),
  ],
  ["unjudged", new Map([["d1", 0]])],
]);
const a = new Map([
  ["q1", ["d1", "d9"]],
  ["q2", ["d9", "d2"]],
  ["q3", ["d3", "d4"]],
  ["other", ["d1"]],
]);
const b = new Map([
  ["q1", ["d9", "d1"]],
  ["q2", ["d9", "d2"]],
]);

describe("compareRuns", () => {
  it("equals means, differences and p-values worked out by hand", () => {
    const { queries, missingInA, missingInB, metrics } = compareRuns(qrels, a, b);
    expect({ queries, missingInA, missingInB }).toEqual({ queries: 3, missingInA: 0, missingInB: 1 });
    const second = 1 / Math.log2(3);
    const [ndcg, recall, mrr] = metrics;
    expect(ndcg).toMatchObject({ metric: "ndcg@10", wins: 2, ties: 1, losses: 0, isExact: true });
    expect(ndcg!.a).toBeCloseTo((1 + second + 1) / 3, 12);
    expect(ndcg!.b).toBeCloseTo((second + second) / 3, 12);
    expect(ndcg!.difference).toBeCloseTo((1 - second + 1) / 3, 12);
    // Two differences, both for a: of four patterns the two with equal signs are as far out.
    expect(ndcg!.pValue).toBe(0.5);
    expect(recall).toMatchObject({ metric: "recall@100", a: 1, wins: 1, ties: 2, losses: 0, pValue: 1 });
    expect(recall!.b).toBeCloseTo(2 / 3, 12);
    expect(mrr).toMatchObject({ metric: "mrr@10", wins: 2, ties: 1, losses: 0 });
    expect(mrr!.a).toBeCloseTo(2.5 / 3, 12);
    expect(mrr!.b).toBeCloseTo(1 / 3, 12);
  });

  it("turns signs, not p-values, when the runs change places", () => {
    const there = compareRuns(qrels, a, b).metrics;
    const back = compareRuns(qrels, b, a).metrics;
    there.forEach((metric, at) => {
      expect(back[at]).toMatchObject({ pValue: metric.pValue, wins: metric.losses, losses: metric.wins });
      expect(back[at]!.difference).toBeCloseTo(-metric.difference, 12);
    });
  });

  it("refuses a run on another collection", () => {
    expect(() => compareRuns(qrels, a, new Map([["x", ["d1"]]]))).toThrow(
      expect.objectContaining({ code: "runs_disjoint", message: expect.stringContaining("the second run") }),
    );
  });
});

describe("formatComparison", () => {
  it("shows every metric, the test, and what a run lacks", () => {
    const text = formatComparison(compareRuns(qrels, a, b));
    expect(text).toContain("3 queries; two-sided paired randomisation test, all sign patterns");
    expect(text).toContain("Without hits, counted as 0: 0 in A, 1 in B.");
    expect(text).toMatch(/ndcg@10 +0\.8770 +0\.4206 +\+0\.4564 +0\.5000 +2 +1 +0/);
  });
});

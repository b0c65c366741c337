import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  evaluateRun,
  ndcgAt,
  type Qrels,
  recallAt,
  reciprocalRankAt,
} from "../../../../batch/eval/metrics.ts";

interface Fixture {
  readonly qrels: Record<string, Record<string, number>>;
  readonly run: Record<string, string[]>;
  readonly expected: Record<string, Record<"ndcg@10" | "recall@100" | "mrr@10", number>>;
}

describe("metrics", () => {
  const path = new URL("../../../fixtures/eval/pytrec-eval.json", import.meta.url);
  const fixture = JSON.parse(readFileSync(path, "utf8")) as Fixture;
  const qrels: Qrels = new Map(
    Object.entries(fixture.qrels).map(([query, grades]) => [query, new Map(Object.entries(grades))]),
  );

  it.each([...qrels.keys()])("equal pytrec_eval on query %s", (query) => {
    const ranking = fixture.run[query]!;
    const grades = qrels.get(query)!;
    const expected = fixture.expected[query]!;
    expect(ndcgAt(10, ranking, grades)).toBeCloseTo(expected["ndcg@10"], 10);
    expect(recallAt(100, ranking, grades)).toBeCloseTo(expected["recall@100"], 10);
    expect(reciprocalRankAt(10, ranking, grades)).toBeCloseTo(expected["mrr@10"], 10);
  });

  it("returns means over the queries with a relevant document, those without hits counting as 0", () => {
    const run = new Map(Object.entries(fixture.run));
    const judged = [...qrels].filter(([, grades]) => [...grades.values()].some((grade) => grade > 0));
    const mean = judged.reduce((sum, [q]) => sum + fixture.expected[q]!["ndcg@10"], 0) / judged.length;
    const result = evaluateRun(qrels, run);
    expect(result.queries).toBe(judged.length);
    expect(result["ndcg@10"]).toBeCloseTo(mean, 10);
  });
});

/** Two runs on the judgements of one collection: their metrics, and whether these differ by more than chance. */
import { LzeroError } from "../../shared/errors.ts";
import { isJudged, METRICS, type MetricName, measureQuery, type Qrels, type Run } from "./metrics.ts";
import { type PairedTest, type PairedTestOptions, testPaired } from "./paired-test.ts";

/** One metric: a minus b, tested over the judged queries. */
export interface MetricComparison extends PairedTest {
  readonly metric: MetricName;
  /** Means. */
  readonly a: number;
  readonly b: number;
}

export interface RunComparison {
  /** Judged queries with a relevant document; the test is over them. */
  readonly queries: number;
  /** Of those, queries of which a run has no hit; they count as 0. */
  readonly missingInA: number;
  readonly missingInB: number;
  readonly metrics: readonly MetricComparison[];
}

/** @throws LzeroError `runs_disjoint` when a run has none of the judged queries; `test_invalid` */
export function compareRuns(qrels: Qrels, a: Run, b: Run, options: PairedTestOptions = {}): RunComparison {
  const queries = [...qrels].filter(([, grades]) => isJudged(grades));
  const missing = (run: Run) => queries.filter(([query]) => (run.get(query)?.length ?? 0) === 0).length;
  const [missingInA, missingInB] = [missing(a), missing(b)];
  if (queries.length === 0 || missingInA === queries.length || missingInB === queries.length) {
    throw new LzeroError(
      "runs_disjoint",
      `${missingInA === queries.length ? "the first" : "the second"} run has no hit for any of the ${queries.length} judged queries: is it a run on this collection?`,
      { queries: queries.length, missingInA, missingInB },
    );
  }
  const measured = queries.map(([query, grades]) => ({
    a: measureQuery(a.get(query) ?? [], grades),
    b: measureQuery(b.get(query) ?? [], grades),
  }));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    queries: queries.length,
    missingInA,
    missingInB,
    metrics: METRICS.map((metric) => ({
      metric,
      a: mean(measured.map((query) => query.a[metric])),
      b: mean(measured.map((query) => query.b[metric])),
      ...testPaired(
        measured.map((query) => query.a[metric] - query.b[metric]),
        options,
      ),
    })),
  };
}

/**
 * An engine timed on the sets of queries. A query's time is the median of its timed passes, which a whole pass to warm
 * up precedes; slow engines get fewer queries, at even steps through the set, so that a comparison ends.
 */
import type { BenchQuery } from "../collections/query-sets.ts";
import type { BenchCollection } from "../collections/read-collection.ts";
import type { EngineRow, SearchEngine, SetFigures } from "./engine.ts";
import type { ScoredHits } from "./forty-lines.ts";

const TIMED_PASSES = 3;
/** Queries that take longer on average are timed once: what a cold cache adds is little of them. */
const SLOW_MS = 100;
/** Queries that tell how many the budget allows. */
const PROBES = 10;
const MIN_QUERIES = 50;

export interface TimedSet {
  readonly queries: readonly BenchQuery[];
  readonly exact: readonly ScoredHits[];
}

/** @param budgetSeconds about the time that a set of queries may take, all passes together */
export function timeEngine(
  engine: SearchEngine,
  collection: BenchCollection,
  sets: Readonly<Record<string, TimedSet>>,
  budgetSeconds: number,
): EngineRow {
  const { engine: name, version, settings, isSameScore, buildSeconds, bytes } = engine;
  const figures = Object.entries(sets).map(([set, timed]) => [
    set,
    timeSet(engine, collection, timed, budgetSeconds),
  ]);
  return {
    engine: name,
    version,
    settings,
    isSameScore,
    buildSeconds,
    bytes,
    sets: Object.fromEntries(figures),
  };
}

function timeSet(
  engine: SearchEngine,
  collection: BenchCollection,
  { queries, exact }: TimedSet,
  budgetSeconds: number,
): SetFigures {
  const probes = evenSteps(queries.length, PROBES);
  const startedMs = performance.now();
  for (const at of probes) engine.search(queries[at]!);
  const meanMs = (performance.now() - startedMs) / probes.length;
  const passCount = meanMs > SLOW_MS ? 1 : TIMED_PASSES;
  const affordable = Math.floor((budgetSeconds * 1000) / (meanMs * (passCount + 1)));
  const chosen = evenSteps(queries.length, Math.max(MIN_QUERIES, affordable));
  const recalls = chosen.map((at) =>
    recallOf(engine.search(queries[at]!), queries[at]!, exact[at]!, collection),
  );
  const passes = Array.from({ length: passCount }, () =>
    chosen.map((at) => {
      const query = queries[at]!;
      const beginMs = performance.now();
      engine.search(query);
      return performance.now() - beginMs;
    }),
  );
  const times = chosen.map((_, at) => median(passes.map((pass) => pass[at]!))).sort((a, b) => a - b);
  return {
    queries: chosen.length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    mean: mean(times),
    recall: engine.isSameScore ? mean(recalls) : null,
  };
}

/** Indexes below `length`, at most `count`, evenly apart. */
export function evenSteps(length: number, count: number): number[] {
  const size = Math.min(length, count);
  return Array.from({ length: size }, (_, at) => Math.floor((at * length) / size));
}

/** @param sorted ascending @returns the smallest value that at least this share of all does not exceed */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** Share of the exact hits that are found; a document that scores as the last of them is as good as that. */
export function recallOf(
  found: readonly number[],
  query: BenchQuery,
  exact: ScoredHits,
  collection: Pick<BenchCollection, "vectors" | "impacts">,
): number {
  if (exact.scores.length === 0) return 1;
  const least = exact.scores.at(-1)!;
  const distinct = [...new Set(found)].slice(0, exact.scores.length);
  const good = distinct.filter((ordinal) => scoreOf(ordinal, query, collection) >= least);
  return good.length / exact.scores.length;
}

function scoreOf(
  ordinal: number,
  { terms, weights }: BenchQuery,
  { vectors, impacts }: Pick<BenchCollection, "vectors" | "impacts">,
): number {
  let score = 0;
  for (let at = vectors.indptr[ordinal]!; at < vectors.indptr[ordinal + 1]!; at++) {
    const index = terms.indexOf(vectors.terms[at]!);
    if (index >= 0) score += weights[index]! * impacts[at]!;
  }
  return score;
}

function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

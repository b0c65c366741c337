/**
 * Retrieval metrics as trec_eval and BEIR define them. Enters: for each query the ranked document ids and the judged
 * relevance of documents. Leaves: means over the judged queries; a query without any hit counts as 0. The tests hold
 * them against pytrec_eval's results.
 */

/** Judged relevance: query id → document id → grade; grades ≤ 0 are not relevant. */
export type Qrels = ReadonlyMap<string, ReadonlyMap<string, number>>;
/** Ranked document ids by query id, best first. */
export type Run = ReadonlyMap<string, readonly string[]>;

/** The metrics in the order in which they are shown. */
export const METRICS = ["ndcg@10", "recall@100", "mrr@10"] as const;
export type MetricName = (typeof METRICS)[number];
export type Metrics = Readonly<Record<MetricName, number>>;

/** Normalized discounted cumulative gain: linear gains, log2 discounts (trec_eval's `ndcg_cut`). */
export function ndcgAt(k: number, ranking: readonly string[], grades: ReadonlyMap<string, number>): number {
  const ideal = [...grades.values()].filter((grade) => grade > 0).sort((a, b) => b - a);
  const best = discountedGain(ideal.slice(0, k));
  if (best === 0) return 0;
  return discountedGain(ranking.slice(0, k).map((id) => Math.max(0, grades.get(id) ?? 0))) / best;
}

export function recallAt(k: number, ranking: readonly string[], grades: ReadonlyMap<string, number>): number {
  const relevant = [...grades.values()].filter((grade) => grade > 0).length;
  if (relevant === 0) return 0;
  return ranking.slice(0, k).filter((id) => (grades.get(id) ?? 0) > 0).length / relevant;
}

/** One over the rank of the first relevant document within k, else 0. */
export function reciprocalRankAt(
  k: number,
  ranking: readonly string[],
  grades: ReadonlyMap<string, number>,
): number {
  const rank = ranking.slice(0, k).findIndex((id) => (grades.get(id) ?? 0) > 0);
  return rank < 0 ? 0 : 1 / (rank + 1);
}

/** A query counts when a document is relevant to it. */
export function isJudged(grades: ReadonlyMap<string, number>): boolean {
  for (const grade of grades.values()) if (grade > 0) return true;
  return false;
}

/** All metrics of one query. */
export function measureQuery(ranking: readonly string[], grades: ReadonlyMap<string, number>): Metrics {
  return {
    "ndcg@10": ndcgAt(10, ranking, grades),
    "recall@100": recallAt(100, ranking, grades),
    "mrr@10": reciprocalRankAt(10, ranking, grades),
  };
}

/** Means over the queries of `qrels` that have a relevant document. */
export function evaluateRun(qrels: Qrels, run: Run): Metrics & { readonly queries: number } {
  let queries = 0;
  const sums = { "ndcg@10": 0, "recall@100": 0, "mrr@10": 0 };
  for (const [queryId, grades] of qrels) {
    if (!isJudged(grades)) continue;
    queries++;
    const measured = measureQuery(run.get(queryId) ?? [], grades);
    for (const metric of METRICS) sums[metric] += measured[metric];
  }
  const mean = (sum: number) => (queries === 0 ? 0 : sum / queries);
  return {
    queries,
    "ndcg@10": mean(sums["ndcg@10"]),
    "recall@100": mean(sums["recall@100"]),
    "mrr@10": mean(sums["mrr@10"]),
  };
}

function discountedGain(gains: readonly number[]): number {
  return gains.reduce((sum, gain, rank) => sum + gain / Math.log2(rank + 2), 0);
}

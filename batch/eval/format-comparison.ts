/** A comparison of runs as text for people. */
import { formatTable } from "../inspect/table.ts";
import type { RunComparison } from "./compare-runs.ts";

const COLUMNS = [
  { name: "metric" },
  { name: "A", isNumber: true },
  { name: "B", isNumber: true },
  { name: "A − B", isNumber: true },
  { name: "p", isNumber: true },
  { name: "wins", isNumber: true },
  { name: "ties", isNumber: true },
  { name: "losses", isNumber: true },
] as const;

export function formatComparison(comparison: RunComparison): string {
  const { queries, missingInA, missingInB, metrics } = comparison;
  const rows = metrics.map(({ metric, a, b, difference, pValue, wins, ties, losses }) => [
    metric,
    a.toFixed(4),
    b.toFixed(4),
    `${difference < 0 ? "−" : "+"}${Math.abs(difference).toFixed(4)}`,
    pValue < 0.0001 ? "<0.0001" : pValue.toFixed(4),
    String(wins),
    String(ties),
    String(losses),
  ]);
  const missing =
    missingInA + missingInB === 0
      ? ""
      : `\nWithout hits, counted as 0: ${missingInA} in A, ${missingInB} in B.`;
  const test = metrics.every(({ isExact }) => isExact)
    ? "all sign patterns"
    : `${Math.max(...metrics.map(({ permutations }) => permutations))} permutations`;
  return `${queries} queries; two-sided paired randomisation test, ${test}${missing}\n${formatTable(COLUMNS, rows)}`;
}

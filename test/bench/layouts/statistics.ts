/** Means and quantiles of figures, query by query. */
import { quantile } from "../peers/timing.ts";

export interface Spread {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { mean: meanOf(values), p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

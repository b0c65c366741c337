/** Groups token sequences of like length into batches. In: lengths. Out: index lists. It copies no tokens. */

export interface BatchLimits {
  /** Padded tokens that a batch has at most, unless one sequence alone has more. */
  readonly tokenBudget: number;
  readonly maxRows: number;
}

/**
 * Plans batches: by length, so that little is padding, and longest first, so that no long batch is left for the end.
 * @param lengths tokens of each sequence; one of 0 is in no batch
 * @returns index lists; each index of a positive length occurs once
 */
export function planBatches(lengths: readonly number[], limits: BatchLimits): number[][] {
  const order = lengths.map((_, index) => index).filter((index) => lengths[index]! > 0);
  order.sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const batches: number[][] = [];
  let open: number[] = [];
  let rows = 0;
  for (const index of order) {
    if (open.length === rows) {
      // The first sequence of a batch is its longest and so decides how many fit.
      rows = Math.max(1, Math.min(limits.maxRows, Math.floor(limits.tokenBudget / lengths[index]!)));
      open = [];
      batches.push(open);
    }
    open.push(index);
  }
  return batches;
}

/**
 * How long to wait after something failed, again and again: doubling from the first wait to the longest, each drawn at
 * random from its upper half, so that consumers that failed together do not come back together.
 */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly longestMs: number;
  /** From 0 to 1. */
  readonly random?: () => number;
}

/** @param failures in a row, from 1 on */
export function backoffMs(failures: number, options: BackoffOptions): number {
  const { firstMs, longestMs, random = Math.random } = options;
  const most = Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return most * (0.5 + random() / 2);
}

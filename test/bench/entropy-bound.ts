/**
 * The fewest bits that lists of these sizes can take when nothing is known of which documents they hold: for each list
 * log2 of the number of ways to choose df of N ordinals, and for the impacts of each list their order-0 entropy.
 */
import type { InvertedLists } from "./peers/inverted-lists.ts";

export interface EntropyBound {
  readonly bits: number;
  readonly ordinalBits: number;
  readonly impactBits: number;
}

export function entropyBound({ documents, offsets, impacts }: InvertedLists): EntropyBound {
  const logFactorials = new Float64Array(documents + 1);
  for (let n = 1; n <= documents; n++) logFactorials[n] = logFactorials[n - 1]! + Math.log2(n);
  let ordinalBits = 0;
  let impactBits = 0;
  const counts = new Uint32Array(256);
  for (let term = 0; term + 1 < offsets.length; term++) {
    const start = offsets[term]!;
    const end = offsets[term + 1]!;
    const df = end - start;
    if (df === 0) continue;
    ordinalBits += logFactorials[documents]! - logFactorials[df]! - logFactorials[documents - df]!;
    counts.fill(0);
    for (let at = start; at < end; at++) counts[impacts[at]!]!++;
    for (const count of counts) if (count > 0) impactBits += count * Math.log2(df / count);
  }
  return { bits: ordinalBits + impactBits, ordinalBits, impactBits };
}

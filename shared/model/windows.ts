/**
 * How a document longer than a model is read: as overlapping windows of its tokens, whose vectors are joined by
 * maximum, as max-pooling joins the positions of one (Eq. 1). Enters: token counts, then the windows' vectors. Leaves:
 * where windows lie, then one vector. The lexical part is none of this: it counts over the whole text.
 */
import type { SparseWeights } from "./lexical.ts";

export interface WindowParameters {
  /** A document has at most this many; what lies behind them the model does not see. */
  readonly maxWindows: number;
  /** Tokens that a window shares with the one before, at least, so that words at an edge have both their sides. */
  readonly overlap: number;
}

/** Tokens `start` to `end`, the latter not included. */
export interface TokenRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Places windows over `length` tokens. Where one ends and where the next begins, a word begins, unless a word is longer
 * than a window has room for; the last of all that may be is cut where its room ends, as a model of one window cuts.
 * @param capacity tokens of a window, special tokens out; more than `overlap`
 * @param beginsWord whether the token at a position begins a word
 * @returns at least one range; each begins and ends behind the one before
 */
export function planWindows(
  length: number,
  capacity: number,
  { maxWindows, overlap }: WindowParameters,
  beginsWord: (position: number) => boolean,
): TokenRange[] {
  const windows: TokenRange[] = [];
  let start = 0;
  let previousEnd = 0;
  while (length - start > capacity && windows.length < maxWindows - 1) {
    // Behind the end before too: this window may have begun so far back that it would bring nothing new.
    const end = wordStartBefore(start + capacity, Math.max(start + overlap, previousEnd), beginsWord);
    windows.push({ start, end });
    previousEnd = end;
    start = wordStartBefore(end - overlap, start, beginsWord);
  }
  windows.push({ start, end: Math.min(length, start + capacity) });
  return windows;
}

/** The last position up to `from` and after `after` at which a word begins; `from` where there is none. */
function wordStartBefore(from: number, after: number, beginsWord: (position: number) => boolean): number {
  for (let position = from; position > after; position--) if (beginsWord(position)) return position;
  return from;
}

export interface JoinedWeights extends SparseWeights {
  /** Weights left out because there were more than topK. */
  readonly cut: number;
}

/**
 * Joins the vectors of a document's windows: the maximum of each term, of which stay, as in one window, those above
 * pruneRatio of the largest and at most topK, of equal ones the lower id.
 */
export function joinWindows(
  windows: readonly SparseWeights[],
  { topK, pruneRatio }: { readonly topK: number; readonly pruneRatio: number },
): JoinedWeights {
  const maxima = new Map<number, number>();
  let largest = 0;
  for (const { termIds, weights } of windows) {
    for (let at = 0; at < termIds.length; at++) {
      const weight = weights[at]!;
      if (weight > (maxima.get(termIds[at]!) ?? 0)) maxima.set(termIds[at]!, weight);
      if (weight > largest) largest = weight;
    }
  }
  // In float32, as the graph compares.
  const bound = Math.fround(Math.fround(pruneRatio) * largest);
  const kept = Array.from(maxima).filter(([, weight]) => weight > bound);
  const cut = Math.max(0, kept.length - topK);
  if (cut > 0) kept.sort((a, b) => b[1] - a[1] || a[0] - b[0]).splice(topK);
  kept.sort((a, b) => a[0] - b[0]);
  return {
    termIds: Uint32Array.from(kept, ([id]) => id),
    weights: Float32Array.from(kept, ([, weight]) => weight),
    cut,
  };
}

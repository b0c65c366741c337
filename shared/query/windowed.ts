/**
 * Windowed term-at-a-time with the highest bound first. Lists are scored window by window of 65,536 ordinals, so that
 * the accumulators stay in the processor's cache. Within a window lists are added in falling order of what they can
 * still bring (weight · largest impact); once a document that none of them has cannot reach the threshold any more,
 * and few of those that they have can, the remaining lists, which are the longest, are only asked for those.
 *
 * Exact: a document is let go only when its score so far and the bounds of all lists not yet added stay below the
 * threshold, and ties are kept. MaxScore (Turtle & Flood 1995) is the same argument, document at a time.
 */
import { openPostings, WINDOW_ORDINALS } from "../format/posting-list.ts";
import { postingListPlace } from "../format/segment-reader.ts";
import type { QueryAlgorithm, ScoredList } from "./algorithm.ts";
import type { WindowKernel } from "./kernel/kernel.ts";
import { createPlainKernel } from "./kernel/plain-kernel.ts";
import { TopK } from "./top-k.ts";

/** What a candidate costs in postings added: about half a block is decoded for it, one posting after another. */
const PROBE_COST = 128;
/** Fewer postings than this are added sooner than anything is found out about them. */
const MIN_PROBED = 1000;
/** Guesses a window at most. */
const GUESSES = 8;
/** Fewer postings than this are looked at themselves; more, and looking at all accumulators is cheaper. */
const MAX_TOUCHED = 4096;
/** Until there is a threshold, accumulators are looked at in such portions, a multiple of 16, since each raises it. */
const PORTION = 4096;
/** So far below 0 that no sum of a query's impacts makes it positive. */
const DEAD = -0x8000_0000;

/**
 * Makes the algorithm over a kernel of its own, which its queries share one after another: an isolate keeps one, so
 * that a query does not begin with clearing memory.
 */
export function createWindowed(kernel: WindowKernel = createPlainKernel()): QueryAlgorithm {
  return {
    name: `windowed, ${kernel.name}`,
    scoreSegment({ root, lists, payloadOf, tombstones, allowed, place, top }) {
      const opened = lists.map(({ entry, weight }) => ({
        weight,
        postings: openPostings(postingListPlace(root, payloadOf, entry)),
      }));
      return scoreWindows(opened, root.documents, { tombstones, allowed }, top, place, kernel);
    },
  };
}

/** Which ordinals may be found; both ascending. */
export interface Restriction {
  readonly tombstones: Uint32Array;
  /** null: all */
  readonly allowed: Uint32Array | null;
}

/**
 * Scores the documents of a segment, window by window.
 * @param kernel is as it came when this returns, or throws
 * @returns postings decoded
 * @throws LzeroError `page_corrupt`
 */
export function scoreWindows(
  lists: readonly ScoredList[],
  documents: number,
  { tombstones, allowed }: Restriction,
  top: TopK,
  place: number,
  kernel: WindowKernel,
): number {
  const scorer = new WindowScorer(lists, top, place, kernel);
  const nextTombstones = windowsOf(tombstones);
  const nextAllowed = allowed === null ? null : windowsOf(allowed);
  try {
    for (let base = 0; base < documents; base += WINDOW_ORDINALS) {
      const end = Math.min(documents, base + WINDOW_ORDINALS);
      const restriction = { tombstones: nextTombstones(end), allowed: nextAllowed?.(end) ?? null };
      scorer.score(base / WINDOW_ORDINALS, end - base, restriction);
    }
  } catch (error) {
    kernel.reset();
    throw error;
  }
  return scorer.decoded;
}

/** Gives the ordinals of one window after another; each call says where its window ends. */
function windowsOf(ordinals: Uint32Array): (end: number) => Uint32Array {
  let next = 0;
  return (end) => {
    const first = next;
    while (next < ordinals.length && ordinals[next]! < end) next++;
    return ordinals.subarray(first, next);
  };
}

interface ActiveList extends ScoredList {
  readonly bound: number;
  readonly count: number;
}

/** One segment of a query; its windows are scored in turn. */
class WindowScorer {
  /** Postings decoded so far. */
  decoded = 0;
  readonly #lists: readonly ScoredList[];
  readonly #top: TopK;
  readonly #place: number;
  readonly #kernel: WindowKernel;

  constructor(lists: readonly ScoredList[], top: TopK, place: number, kernel: WindowKernel) {
    // A list without weight makes no hit.
    this.#lists = lists.filter(({ weight }) => weight > 0);
    this.#top = top;
    this.#place = place;
    this.#kernel = kernel;
  }

  /** The window begins at `window · WINDOW_ORDINALS`; the restriction is of its ordinals alone. */
  score(window: number, size: number, { tombstones, allowed }: Restriction): void {
    const active = this.#activeLists(window);
    let bound = 0;
    let postings = 0;
    for (const list of active) {
      bound += list.bound;
      postings += list.count;
    }
    if (bound < this.#top.threshold || allowed?.length === 0) return;
    this.#kernel.prepare(size);
    const { accumulators } = this.#kernel;
    const base = window * WINDOW_ORDINALS;
    if (allowed !== null) {
      accumulators.fill(DEAD);
      for (const ordinal of allowed) accumulators[ordinal - base] = 0;
    }
    for (const ordinal of tombstones) accumulators[ordinal - base] = DEAD;
    if (postings < MAX_TOUCHED && allowed === null) {
      this.#scoreSparse(window, active);
      for (const ordinal of tombstones) accumulators[ordinal - base] = 0;
    } else this.#scoreDense(window, active, bound, postings);
  }

  /** The documents that the postings touch are listed, and no others are looked at. */
  #scoreSparse(window: number, active: readonly ActiveList[]): void {
    const kernel = this.#kernel;
    let touched = 0;
    for (const { postings, weight, count } of active) {
      touched = kernel.addTouching(postings, window, weight, touched);
      this.decoded += count;
    }
    this.#offer(window, kernel.harvestTouched(touched, this.#top.threshold));
  }

  #scoreDense(window: number, active: readonly ActiveList[], bound: number, postings: number): void {
    const kernel = this.#kernel;
    const remaining = this.#addLists(window, active, bound, postings);
    const size = kernel.accumulators.length;
    if (remaining.lists.length > 0) {
      const count = kernel.harvest(0, size, Math.max(1, remaining.threshold - remaining.bound));
      this.#offer(window, this.#probe(window, count, remaining));
      return;
    }
    const portion = this.#top.isFull ? size : PORTION;
    for (let from = 0; from < size; from += portion) {
      const need = Math.max(remaining.threshold, this.#top.threshold);
      this.#offer(window, kernel.harvest(from, Math.min(size, from + portion), need));
    }
  }

  /** Adds lists in their order until those that are left are better asked for the few that can still win. */
  #addLists(window: number, active: readonly ActiveList[], allBounds: number, postings: number): Remaining {
    const kernel = this.#kernel;
    let threshold = this.#top.threshold;
    let bound = allBounds;
    let rest = postings;
    let guessAt = postings;
    let hasPartial = this.#top.isFull;
    let next = 0;
    while (next < active.length) {
      const list = active[next++]!;
      kernel.add(list.postings, window, list.weight);
      this.decoded += list.count;
      rest -= list.count;
      bound -= list.bound;
      if (rest === 0) break;
      // The first window has no threshold yet. Scores only grow: the k-th best so far is one.
      if (!hasPartial && bound < allBounds / 2) {
        threshold = Math.max(threshold, this.#partialThreshold());
        hasPartial = true;
      }
      const need = threshold - bound;
      if (need <= 0 || rest < MIN_PROBED || rest > guessAt) continue;
      if (kernel.guess(need) * PROBE_COST < rest) break;
      // Guessing again soon would say the same.
      guessAt = rest - postings / GUESSES;
    }
    return { lists: active.slice(next), bound, threshold };
  }

  /**
   * Adds the remaining lists to the candidates that the kernel found, all others cannot reach the threshold.
   * @returns how many candidates are left
   */
  #probe(window: number, found: number, { lists, bound: remainingBound, threshold }: Remaining): number {
    const { candidates, scores } = this.#kernel;
    let count = found;
    let bound = remainingBound;
    for (const { postings, weight, bound: ownBound } of lists) {
      if (count === 0) break;
      this.decoded += this.#kernel.probe(postings, window, weight, count);
      bound -= ownBound;
      let kept = 0;
      for (let at = 0; at < count; at++) {
        const score = scores[at]!;
        candidates[kept] = candidates[at]!;
        scores[kept] = score;
        if (score >= threshold - bound) kept++;
      }
      count = kept;
    }
    return count;
  }

  /** The k-th best score so far. */
  #partialThreshold(): number {
    const kernel = this.#kernel;
    const best = new TopK(this.#top.capacity);
    const size = kernel.accumulators.length;
    for (let from = 0; from < size; from += PORTION) {
      const count = kernel.find(from, Math.min(size, from + PORTION), best.threshold);
      for (let at = 0; at < count; at++) best.offer(kernel.scores[at]!, 0, from + at);
    }
    return best.threshold;
  }

  /** Highest bound first. */
  #activeLists(window: number): ActiveList[] {
    const active: ActiveList[] = [];
    for (const { weight, postings } of this.#lists) {
      const count = postings.count(window);
      if (count > 0) active.push({ weight, postings, count, bound: weight * postings.maxImpact(window) });
    }
    return active.sort((a, b) => b.bound - a.bound);
  }

  /** Offers the kernel's first `count` candidates. */
  #offer(window: number, count: number): void {
    const { candidates, scores } = this.#kernel;
    const top = this.#top;
    let threshold = top.threshold;
    for (let at = 0; at < count; at++) {
      const score = scores[at]!;
      if (score < threshold) continue;
      top.offer(score, this.#place, window * WINDOW_ORDINALS + candidates[at]!);
      threshold = top.threshold;
    }
  }
}

/** What was not added. */
interface Remaining {
  readonly lists: readonly ActiveList[];
  /** Σ of their bounds. */
  readonly bound: number;
  readonly threshold: number;
}

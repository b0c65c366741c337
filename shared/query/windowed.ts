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
import { TopK } from "./top-k.ts";

/** Decoding a posting when probing, where about half a block is decoded for each candidate, in postings added. */
const PROBE_COST = 64;
/** Fewer postings than this are added sooner than anything is found out about them. */
const MIN_PROBED = 1000;
/** Guesses a window at most. */
const GUESSES = 8;
/** Every so many accumulators one is looked at to guess how many candidates there are. */
const SAMPLE_STRIDE = 64;
/** So far below 0 that no sum of a query's impacts makes it positive. */
const DEAD = -0x8000_0000;

/**
 * Makes the algorithm with buffers of its own, 512 KB once it was used, which its queries share one after another: an
 * isolate keeps one, so that a query does not begin with clearing memory.
 */
export function createWindowed(): QueryAlgorithm {
  let buffers = new WindowBuffers();
  return {
    name: "windowed",
    scoreSegment({ root, lists, payloadOf, tombstones, allowed, place, top }) {
      const opened = lists.map(({ entry, weight }) => ({
        weight,
        postings: openPostings(postingListPlace(root, payloadOf, entry)),
      }));
      const mine = buffers;
      // Buffers that a failed query leaves are not zero: they do not come back.
      buffers = new WindowBuffers();
      const decoded = scoreWindows(opened, root.documents, { tombstones, allowed }, top, place, mine);
      buffers = mine;
      return decoded;
    },
  };
}

/** What scoring a window needs; grows to what a window of the largest segment takes. */
export class WindowBuffers {
  /** All 0 between windows. */
  #accumulators = new Int32Array(0);
  #touched = new Uint16Array(0);
  #candidates = new Uint16Array(0);

  /** @returns Int32Array [size], all 0 */
  accumulators(size: number): Int32Array {
    if (this.#accumulators.length < size) this.#accumulators = new Int32Array(size);
    return this.#accumulators.subarray(0, size);
  }

  /** @returns Uint16Array with room for `size` */
  candidates(size: number): Uint16Array {
    if (this.#candidates.length < size)
      this.#candidates = new Uint16Array(Math.min(WINDOW_ORDINALS, 2 * size));
    return this.#candidates;
  }

  /** @returns Uint16Array with room for `size` and one */
  touched(size: number): Uint16Array {
    if (this.#touched.length <= size)
      this.#touched = new Uint16Array(Math.min(WINDOW_ORDINALS, 2 * size) + 1);
    return this.#touched;
  }
}

/** Which ordinals may be found; both ascending. */
export interface Restriction {
  readonly tombstones: Uint32Array;
  /** null: all */
  readonly allowed: Uint32Array | null;
}

/**
 * Scores the documents of a segment, window by window.
 * @param buffers are as they came when this returns, and must not be used again when it throws
 * @returns postings decoded
 * @throws LzeroError `page_corrupt`
 */
export function scoreWindows(
  lists: readonly ScoredList[],
  documents: number,
  { tombstones, allowed }: Restriction,
  top: TopK,
  place: number,
  buffers: WindowBuffers,
): number {
  const scorer = new WindowScorer(lists, top, place, buffers);
  const nextTombstones = windowsOf(tombstones);
  const nextAllowed = allowed === null ? null : windowsOf(allowed);
  for (let base = 0; base < documents; base += WINDOW_ORDINALS) {
    const end = Math.min(documents, base + WINDOW_ORDINALS);
    const restriction = { tombstones: nextTombstones(end), allowed: nextAllowed?.(end) ?? null };
    scorer.score(base / WINDOW_ORDINALS, end - base, restriction);
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

/** Buffers of one segment of a query, used for its windows in turn. */
class WindowScorer {
  /** Postings decoded so far. */
  decoded = 0;
  readonly #lists: readonly ScoredList[];
  readonly #top: TopK;
  readonly #place: number;
  readonly #buffers: WindowBuffers;

  constructor(lists: readonly ScoredList[], top: TopK, place: number, buffers: WindowBuffers) {
    this.#lists = lists;
    this.#top = top;
    this.#place = place;
    this.#buffers = buffers;
  }

  /** The window begins at `window · WINDOW_ORDINALS`; the restriction is of its ordinals alone. */
  score(window: number, size: number, { tombstones, allowed }: Restriction): void {
    const active = this.#activeLists(window);
    const bound = active.reduce((sum, list) => sum + list.bound, 0);
    if (bound < this.#top.threshold || allowed?.length === 0) return;
    const accumulators = this.#buffers.accumulators(size);
    const base = window * WINDOW_ORDINALS;
    if (allowed !== null) {
      accumulators.fill(DEAD);
      for (const ordinal of allowed) accumulators[ordinal - base] = 0;
    }
    for (const ordinal of tombstones) accumulators[ordinal - base] = DEAD;
    const postings = active.reduce((sum, { count }) => sum + count, 0);
    const isSparse = postings < size;
    if (isSparse) this.#scoreSparse(window, active, bound, postings, accumulators);
    else this.#scoreDense(window, active, bound, postings, accumulators);
    if (allowed !== null || !isSparse) accumulators.fill(0);
    else for (const ordinal of tombstones) accumulators[ordinal - base] = 0;
  }

  /** Fewer postings than documents: the documents that they touch are listed, and no others are looked at. */
  #scoreSparse(
    window: number,
    active: readonly ActiveList[],
    allBounds: number,
    postings: number,
    accumulators: Int32Array,
  ): void {
    const touched = this.#buffers.touched(postings);
    let touchedCount = 0;
    const remaining = this.#addLists(active, allBounds, postings, {
      add: ({ postings: list, weight }) => {
        touchedCount = list.accumulateTouching(window, weight, accumulators, touched, touchedCount);
      },
      partialThreshold: () => this.#partialThreshold(touched.subarray(0, touchedCount), accumulators),
      guess: (need) => {
        let seen = 0;
        for (let at = 0; at < touchedCount; at += SAMPLE_STRIDE)
          if (accumulators[touched[at]!]! >= need) seen++;
        return seen * SAMPLE_STRIDE;
      },
    });
    const base = window * WINDOW_ORDINALS;
    if (remaining.lists.length === 0) {
      this.#offerAndClear(touched, touchedCount, accumulators, base);
      return;
    }
    const need = Math.max(1, remaining.threshold - remaining.bound);
    const candidates = this.#buffers.candidates(touchedCount);
    let count = 0;
    for (let at = 0; at < touchedCount; at++) {
      const ordinal = touched[at]!;
      if (accumulators[ordinal]! >= need) candidates[count++] = ordinal;
    }
    this.#probe(window, candidates.subarray(0, count).sort(), remaining, accumulators);
    for (let at = 0; at < touchedCount; at++) accumulators[touched[at]!] = 0;
  }

  #scoreDense(
    window: number,
    active: readonly ActiveList[],
    allBounds: number,
    postings: number,
    accumulators: Int32Array,
  ): void {
    const remaining = this.#addLists(active, allBounds, postings, {
      add: ({ postings: list, weight }) => list.accumulate(window, weight, accumulators),
      partialThreshold: () => this.#partialThreshold(null, accumulators),
      guess: (need) => {
        let seen = 0;
        for (let at = 0; at < accumulators.length; at += SAMPLE_STRIDE) if (accumulators[at]! >= need) seen++;
        return seen * SAMPLE_STRIDE;
      },
    });
    const candidates = collect(accumulators, Math.max(1, remaining.threshold - remaining.bound));
    this.#probe(window, candidates, remaining, accumulators);
  }

  /** Adds lists in their order until those that are left are better asked for the few that can still win. */
  #addLists(
    active: readonly ActiveList[],
    allBounds: number,
    postings: number,
    { add, partialThreshold, guess }: Adding,
  ): Remaining {
    let threshold = this.#top.threshold;
    let bound = allBounds;
    let rest = postings;
    let guessAt = postings;
    let hasPartial = this.#top.isFull;
    let next = 0;
    while (next < active.length) {
      const list = active[next++]!;
      add(list);
      this.decoded += list.count;
      rest -= list.count;
      bound -= list.bound;
      if (rest === 0) break;
      // The first window has no threshold yet. Scores only grow: the k-th best so far is one.
      if (!hasPartial && bound < allBounds / 2) {
        threshold = Math.max(threshold, partialThreshold());
        hasPartial = true;
      }
      const need = threshold - bound;
      if (need <= 0 || rest < MIN_PROBED || rest > guessAt) continue;
      if (guess(need) * PROBE_COST < rest) break;
      // Guessing again soon would say the same.
      guessAt = rest - postings / GUESSES;
    }
    return { lists: active.slice(next), bound, threshold };
  }

  /** @param candidates ascending; all others cannot reach the threshold */
  #probe(
    window: number,
    candidates: Uint16Array,
    { lists, bound: remainingBound, threshold }: Remaining,
    accumulators: Int32Array,
  ): void {
    let count = candidates.length;
    let bound = remainingBound;
    for (const { postings, weight, bound: ownBound } of lists) {
      if (count === 0) return;
      this.decoded += postings.probe(window, weight, accumulators, candidates, count);
      bound -= ownBound;
      let kept = 0;
      for (let at = 0; at < count; at++) {
        const ordinal = candidates[at]!;
        if (accumulators[ordinal]! >= threshold - bound) candidates[kept++] = ordinal;
      }
      count = kept;
    }
    this.#offer(candidates, count, accumulators, window * WINDOW_ORDINALS);
  }

  /** @param among the ordinals to look at; null: all */
  #partialThreshold(among: Uint16Array | null, accumulators: Int32Array): number {
    const best = new TopK(this.#top.capacity);
    let threshold = best.threshold;
    const count = among?.length ?? accumulators.length;
    for (let at = 0; at < count; at++) {
      const score = accumulators[among === null ? at : among[at]!]!;
      if (score < threshold) continue;
      best.offer(score, 0, at);
      threshold = best.threshold;
    }
    return threshold;
  }

  #activeLists(window: number): ActiveList[] {
    const active: ActiveList[] = [];
    for (const { weight, postings } of this.#lists) {
      const count = postings.count(window);
      if (count > 0) active.push({ weight, postings, count, bound: weight * postings.maxImpact(window) });
    }
    return active.sort((a, b) => b.bound - a.bound);
  }

  #offerAndClear(ordinals: Uint16Array, count: number, accumulators: Int32Array, base: number): void {
    let threshold = this.#top.threshold;
    for (let at = 0; at < count; at++) {
      const ordinal = ordinals[at]!;
      const score = accumulators[ordinal]!;
      accumulators[ordinal] = 0;
      if (score < threshold) continue;
      this.#top.offer(score, this.#place, base + ordinal);
      threshold = this.#top.threshold;
    }
  }

  #offer(ordinals: Uint16Array, count: number, accumulators: Int32Array, base: number): void {
    let threshold = this.#top.threshold;
    for (let at = 0; at < count; at++) {
      const score = accumulators[ordinals[at]!]!;
      if (score < threshold) continue;
      this.#top.offer(score, this.#place, base + ordinals[at]!);
      threshold = this.#top.threshold;
    }
  }
}

/** How lists are added to the accumulators of a window, and what can be asked of these. */
interface Adding {
  readonly add: (list: ActiveList) => void;
  /** The k-th best score so far. */
  readonly partialThreshold: () => number;
  /** About how many documents score at least `need` so far. */
  readonly guess: (need: number) => number;
}

/** What was not added. */
interface Remaining {
  readonly lists: readonly ActiveList[];
  /** Σ of their bounds. */
  readonly bound: number;
  readonly threshold: number;
}

/** The ordinals whose score so far is at least `need`, ascending. */
function collect(accumulators: Int32Array, need: number): Uint16Array {
  let candidates = new Uint16Array(256);
  let count = 0;
  for (let ordinal = 0; ordinal < accumulators.length; ordinal++) {
    if (accumulators[ordinal]! < need) continue;
    if (count === candidates.length) {
      const larger = new Uint16Array(Math.min(WINDOW_ORDINALS, 4 * count));
      larger.set(candidates);
      candidates = larger;
    }
    candidates[count++] = ordinal;
  }
  return candidates.subarray(0, count);
}

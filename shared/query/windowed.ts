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
/** Every so many accumulators one is looked at to guess how many candidates there are. */
const SAMPLE_STRIDE = 64;
/** A window with fewer documents than this many times its postings is sparse. */
const SPARSE_FACTOR = 4;
/** So far below 0 that no sum of a query's impacts makes it positive. */
const DEAD = -0x8000_0000;

export const windowed: QueryAlgorithm = {
  name: "windowed",
  scoreSegment({ root, lists, payloadOf, tombstones, allowed, place, top }) {
    const opened = lists.map(({ entry, weight }) => ({
      weight,
      postings: openPostings(postingListPlace(root, payloadOf, entry)),
    }));
    return scoreWindows(opened, root.documents, { tombstones, allowed }, top, place);
  },
};

/** Which ordinals may be found; both ascending. */
export interface Restriction {
  readonly tombstones: Uint32Array;
  /** null: all */
  readonly allowed: Uint32Array | null;
}

/**
 * Scores the documents of a segment, window by window.
 * @returns postings decoded
 * @throws LzeroError `page_corrupt`
 */
export function scoreWindows(
  lists: readonly ScoredList[],
  documents: number,
  { tombstones, allowed }: Restriction,
  top: TopK,
  place: number,
): number {
  const scorer = new WindowScorer(lists, top, place, documents);
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
  /** All 0 between windows. */
  readonly #accumulators: Int32Array;
  /** Ordinals of candidates, or of documents touched. */
  #candidates = new Uint16Array(1024);

  constructor(lists: readonly ScoredList[], top: TopK, place: number, documents: number) {
    this.#lists = lists;
    this.#top = top;
    this.#place = place;
    this.#accumulators = new Int32Array(Math.min(documents, WINDOW_ORDINALS));
  }

  /** The window begins at `window · WINDOW_ORDINALS`; the restriction is of its ordinals alone. */
  score(window: number, size: number, { tombstones, allowed }: Restriction): void {
    const active = this.#activeLists(window);
    const bound = active.reduce((sum, list) => sum + list.bound, 0);
    if (bound < this.#top.threshold || allowed?.length === 0) return;
    const accumulators = this.#accumulators.subarray(0, size);
    const base = window * WINDOW_ORDINALS;
    if (allowed !== null) {
      accumulators.fill(DEAD);
      for (const ordinal of allowed) accumulators[ordinal - base] = 0;
    }
    for (const ordinal of tombstones) accumulators[ordinal - base] = DEAD;
    const postings = active.reduce((sum, { count }) => sum + count, 0);
    if (postings * SPARSE_FACTOR < size) this.#scoreSparse(window, active, postings, accumulators);
    else this.#scoreDense(window, active, bound, postings, accumulators);
    if (allowed !== null || postings * SPARSE_FACTOR >= size) accumulators.fill(0);
    else for (const ordinal of tombstones) accumulators[ordinal - base] = 0;
  }

  /** Few postings: all are added, and only the documents that they are of are looked at. */
  #scoreSparse(
    window: number,
    active: readonly ActiveList[],
    postings: number,
    accumulators: Int32Array,
  ): void {
    if (this.#candidates.length < postings) this.#candidates = new Uint16Array(postings);
    const touched = this.#candidates;
    let count = 0;
    for (const { postings: list, weight } of active) {
      count = list.accumulateTouching(window, weight, accumulators, touched, count);
    }
    this.decoded += postings;
    this.#offer(accumulators, count, window * WINDOW_ORDINALS);
    for (let at = 0; at < count; at++) accumulators[touched[at]!] = 0;
  }

  #scoreDense(
    window: number,
    active: readonly ActiveList[],
    allBounds: number,
    postings: number,
    accumulators: Int32Array,
  ): void {
    let threshold = this.#top.threshold;
    let bound = allBounds;
    let rest = postings;
    let next = 0;
    while (next < active.length) {
      const list = active[next++]!;
      list.postings.accumulate(window, list.weight, accumulators);
      this.decoded += list.count;
      rest -= list.count;
      bound -= list.bound;
      // The first window has no threshold yet. Scores only grow: the k-th best so far is one.
      if (threshold === 1 && bound < allBounds / 2) threshold = this.#partialThreshold(accumulators);
      const need = threshold - bound;
      if (need > 0 && rest > 0 && this.#guessCandidates(accumulators, need) * PROBE_COST < rest) break;
    }
    let count = this.#collect(accumulators, Math.max(1, threshold - bound));
    for (; next < active.length && count > 0; next++) {
      const { postings: list, weight, bound: ownBound } = active[next]!;
      this.decoded += list.probe(window, weight, accumulators, this.#candidates, count);
      bound -= ownBound;
      count = this.#keep(accumulators, count, threshold - bound);
    }
    this.#offer(accumulators, count, window * WINDOW_ORDINALS);
  }

  #partialThreshold(accumulators: Int32Array): number {
    const best = new TopK(this.#top.capacity);
    let threshold = best.threshold;
    for (let ordinal = 0; ordinal < accumulators.length; ordinal++) {
      const score = accumulators[ordinal]!;
      if (score < threshold) continue;
      best.offer(score, 0, ordinal);
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

  #guessCandidates(accumulators: Int32Array, need: number): number {
    let seen = 0;
    for (let ordinal = 0; ordinal < accumulators.length; ordinal += SAMPLE_STRIDE) {
      if (accumulators[ordinal]! >= need) seen++;
    }
    return seen * SAMPLE_STRIDE;
  }

  /** Lists the ordinals whose score so far is at least `need`. */
  #collect(accumulators: Int32Array, need: number): number {
    let count = 0;
    let candidates = this.#candidates;
    for (let ordinal = 0; ordinal < accumulators.length; ordinal++) {
      if (accumulators[ordinal]! < need) continue;
      if (count === candidates.length) {
        candidates = new Uint16Array(Math.min(WINDOW_ORDINALS, 2 * count));
        candidates.set(this.#candidates);
        this.#candidates = candidates;
      }
      candidates[count++] = ordinal;
    }
    return count;
  }

  #keep(accumulators: Int32Array, count: number, need: number): number {
    const candidates = this.#candidates;
    let kept = 0;
    for (let at = 0; at < count; at++) {
      const ordinal = candidates[at]!;
      if (accumulators[ordinal]! >= need) candidates[kept++] = ordinal;
    }
    return kept;
  }

  #offer(accumulators: Int32Array, count: number, base: number): void {
    for (let at = 0; at < count; at++) {
      const ordinal = this.#candidates[at]!;
      const score = accumulators[ordinal]!;
      if (score >= this.#top.threshold) this.#top.offer(score, this.#place, base + ordinal);
    }
  }
}

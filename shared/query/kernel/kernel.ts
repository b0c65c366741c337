/**
 * The kernel of windowed scoring: one window's accumulators and the loops over them, which take nearly all of a query's
 * time. Plain JavaScript (`plain-kernel.ts`) is the reference and what is left where nothing else is given; the other
 * one is compiled (`wasm-kernel.ts`). Both give the same numbers in the same order for the same calls.
 *
 * A window goes: `prepare`; accumulators may be set to exclude ordinals; `add` for each list, or `addTouching`; then
 * `harvest` or `harvestTouched`, after which all accumulators are 0 and the candidates lie in two arrays.
 */
import type { WindowedPostings } from "../../format/posting-list.ts";

export interface WindowKernel {
  readonly name: string;
  /** Int32 [at least the window's size], all 0 between windows; to be asked for again after `prepare`. */
  readonly accumulators: Int32Array;
  /** What the last harvest or find left: ordinals relative to the window. */
  readonly candidates: Uint16Array;
  /** Their scores, in their order. */
  readonly scores: Int32Array;
  /** Makes room for a window of so many ordinals, at most 65,536. */
  prepare(size: number): void;
  /**
   * Adds `weight · impact` of a window's postings.
   * @throws LzeroError `page_corrupt`; some accumulators may have been added to by then
   */
  add(postings: WindowedPostings, window: number, weight: number): void;
  /**
   * The same, listing in `candidates` the ordinals whose accumulators were 0 before.
   * @param touched how many are listed
   * @returns how many are listed now
   * @throws LzeroError `page_corrupt`
   */
  addTouching(postings: WindowedPostings, window: number, weight: number, touched: number): number;
  /**
   * Finds accumulators of at least `need`, which is at least 1, ascending.
   * @param from a multiple of 16
   * @param to one as well, or the window's size
   * @returns how many
   */
  find(from: number, to: number, need: number): number;
  /** The same, and leaves the accumulators in [from, to) 0. */
  harvest(from: number, to: number, need: number): number;
  /** The same of the ordinals that were touched, in their order; leaves all of theirs 0. */
  harvestTouched(touched: number, need: number): number;
  /**
   * Adds `weight · impact` of a window's postings to the scores of the first `count` candidates, which ascend.
   * @returns postings decoded
   * @throws LzeroError `page_corrupt`
   */
  probe(postings: WindowedPostings, window: number, weight: number, count: number): number;
  /** About how many accumulators of the window are at least `need`: the first four of every 256 are looked at. */
  guess(need: number): number;
  /** Sets all accumulators to 0, whatever a query that failed has left. */
  reset(): void;
}

/** Of this many accumulators `guess` looks at SAMPLED. */
export const SAMPLE_STRIDE = 256;
export const SAMPLED = 4;

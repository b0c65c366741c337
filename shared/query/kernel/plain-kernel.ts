/** The kernel in plain JavaScript. Its arrays grow to what a window of the largest segment takes. */
import { WINDOW_ORDINALS, type WindowedPostings } from "../../format/posting-list.ts";
import { SAMPLE_STRIDE, SAMPLED, type WindowKernel } from "./kernel.ts";

export function createPlainKernel(): WindowKernel {
  return new PlainKernel();
}

class PlainKernel implements WindowKernel {
  readonly name = "plain";
  #all = new Int32Array(0);
  accumulators = this.#all;
  candidates = new Uint16Array(0);
  scores = new Int32Array(0);

  prepare(size: number): void {
    if (this.#all.length < size) {
      const room = Math.min(WINDOW_ORDINALS, 2 * size);
      this.#all = new Int32Array(room);
      this.candidates = new Uint16Array(room + 1);
      this.scores = new Int32Array(room);
    }
    if (this.accumulators.length !== size) this.accumulators = this.#all.subarray(0, size);
  }

  add(postings: WindowedPostings, window: number, weight: number): void {
    postings.accumulate(window, weight, this.accumulators);
  }

  addTouching(postings: WindowedPostings, window: number, weight: number, touched: number): number {
    return postings.accumulateTouching(window, weight, this.accumulators, this.candidates, touched);
  }

  find(from: number, to: number, need: number): number {
    const { accumulators, candidates, scores } = this;
    let count = 0;
    for (let ordinal = from; ordinal < to; ordinal++) {
      const score = accumulators[ordinal]!;
      if (score < need) continue;
      candidates[count] = ordinal;
      scores[count++] = score;
    }
    return count;
  }

  harvest(from: number, to: number, need: number): number {
    const count = this.find(from, to, need);
    this.accumulators.fill(0, from, to);
    return count;
  }

  harvestTouched(touched: number, need: number): number {
    const { accumulators, candidates, scores } = this;
    let count = 0;
    for (let at = 0; at < touched; at++) {
      const ordinal = candidates[at]!;
      const score = accumulators[ordinal]!;
      accumulators[ordinal] = 0;
      if (score < need) continue;
      candidates[count] = ordinal;
      scores[count++] = score;
    }
    return count;
  }

  probe(postings: WindowedPostings, window: number, weight: number, count: number): number {
    return postings.probe(window, weight, this.candidates, this.scores, count);
  }

  guess(need: number): number {
    const { accumulators } = this;
    let seen = 0;
    for (let at = 0; at < accumulators.length; at += SAMPLE_STRIDE) {
      const end = Math.min(at + SAMPLED, accumulators.length);
      for (let ordinal = at; ordinal < end; ordinal++) if (accumulators[ordinal]! >= need) seen++;
    }
    return seen * (SAMPLE_STRIDE / SAMPLED);
  }

  reset(): void {
    this.#all.fill(0);
  }
}

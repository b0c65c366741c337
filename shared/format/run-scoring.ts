/**
 * Scoring with runs: their postings are added to accumulators, or to the scores of candidates, as they are decoded. A
 * run goes in; sums change. The compiled kernel (`query/kernel/window-loops.as`) does the same and is held against this.
 */
import type { LzeroError } from "../errors.ts";
import { pageCorrupt } from "./errors.ts";
import { PAGE_HEADER_BYTES } from "./page.ts";
import {
  checkCount,
  checkRun,
  quotientWord,
  type Run,
  SKIP_BLOCK,
  SKIP_ENTRY_BYTES,
  SKIP_SHIFT,
} from "./posting-run.ts";

/**
 * Adds `weight · impact` of every posting to the accumulator of its ordinal less the run's base.
 * @param accumulators Int32Array; the caller has made sure that no sum passes 2^31 − 1
 * @param limit ordinals lie below, relative to the base
 * @throws LzeroError `page_corrupt`; some accumulators may have been added to by then
 */
export function accumulateRun(run: Run, weight: number, accumulators: Int32Array, limit: number): void {
  const { view, count, lowBits, impactBits, quotientsAt } = run;
  const fieldBits = lowBits + impactBits;
  const fieldMask = (1 << fieldBits) - 1;
  const impactMask = (1 << impactBits) - 1;
  const least = weight * run.minImpact;
  const bits = count + run.quotients;
  let ordinal = -1;
  // The bit before the next quotient: a gap's quotient is the number of zeros since.
  let nextBit = 0;
  let fieldAt = run.fieldsAt * 8;
  let decoded = 0;
  for (let done = 0; done < bits; done += 32) {
    let word = quotientWord(view, quotientsAt, done, bits);
    if (decoded + 32 > count) checkCount(run, decoded, word);
    while (word !== 0) {
      const bit = done + 31 - Math.clz32(word & -word);
      word &= word - 1;
      const field = (view.getUint32(fieldAt >>> 3, true) >>> (fieldAt & 7)) & fieldMask;
      fieldAt += fieldBits;
      ordinal += ((bit - nextBit) << lowBits) + (field >>> impactBits) + 1;
      nextBit = bit + 1;
      accumulators[ordinal]! += least + weight * (field & impactMask);
      decoded++;
    }
  }
  checkRun(run, decoded, nextBit, ordinal, limit);
}

/**
 * The same, and lists the accumulators that were 0 before: where postings are few, looking at those alone is cheaper
 * than looking at all. (Twice the loop, since a test in it for whether to list would cost every posting.)
 * @param touched has room for as many more as the run has postings, and one
 * @param touchedCount how many it holds
 * @returns how many it holds now
 * @throws LzeroError `page_corrupt`
 */
export function accumulateRunTouching(
  run: Run,
  weight: number,
  accumulators: Int32Array,
  limit: number,
  touched: Uint16Array,
  touchedCount: number,
): number {
  const { view, count, lowBits, impactBits, quotientsAt } = run;
  const fieldBits = lowBits + impactBits;
  const fieldMask = (1 << fieldBits) - 1;
  const impactMask = (1 << impactBits) - 1;
  const least = weight * run.minImpact;
  const bits = count + run.quotients;
  let ordinal = -1;
  let nextBit = 0;
  let fieldAt = run.fieldsAt * 8;
  let decoded = 0;
  let touchedNow = touchedCount;
  for (let done = 0; done < bits; done += 32) {
    let word = quotientWord(view, quotientsAt, done, bits);
    if (decoded + 32 > count) checkCount(run, decoded, word);
    while (word !== 0) {
      const bit = done + 31 - Math.clz32(word & -word);
      word &= word - 1;
      const field = (view.getUint32(fieldAt >>> 3, true) >>> (fieldAt & 7)) & fieldMask;
      fieldAt += fieldBits;
      ordinal += ((bit - nextBit) << lowBits) + (field >>> impactBits) + 1;
      nextBit = bit + 1;
      const before = accumulators[ordinal]!;
      accumulators[ordinal] = before + least + weight * (field & impactMask);
      // Whether this is the first posting of a document cannot be predicted, so it is no branch: 1 when before is 0.
      touched[touchedNow] = ordinal;
      touchedNow += (~before & (before - 1)) >>> 31;
      decoded++;
    }
  }
  checkRun(run, decoded, nextBit, ordinal, limit);
  return touchedNow;
}

/**
 * Adds `weight · impact` to the scores of the candidates that the run has. Only the blocks of the skip table in which a
 * candidate can lie are decoded, and those only as far as their last candidate.
 * @param candidates strictly ascending, relative to the run's base
 * @param scores theirs, in their order
 * @param candidateCount how many of them are candidates
 * @returns postings that were decoded
 * @throws LzeroError `page_corrupt`, for what is seen of the run
 */
export function probeRun(
  run: Run,
  weight: number,
  candidates: Uint16Array,
  scores: Int32Array,
  candidateCount: number,
): number {
  const { view, count, lowBits, impactBits, quotientsAt, skips, skipsAt } = run;
  const fieldBits = lowBits + impactBits;
  const fieldMask = (1 << fieldBits) - 1;
  const impactMask = (1 << impactBits) - 1;
  const least = weight * run.minImpact;
  const bits = count + run.quotients;
  let decoded = 0;
  let next = 0;
  if (candidateCount === 0) return decoded;
  let candidate = candidates[0]!;
  for (let block = 0; block <= skips; block++) {
    while (block < skips && view.getUint16(skipsAt + block * SKIP_ENTRY_BYTES, true) < candidate) block++;
    const startAt = skipsAt + (block - 1) * SKIP_ENTRY_BYTES;
    const lastOrdinal = block < skips ? view.getUint16(startAt + SKIP_ENTRY_BYTES, true) : 0xffff;
    let ordinal = block === 0 ? -1 : view.getUint16(startAt, true);
    let index = block << SKIP_SHIFT;
    let nextBit = block === 0 ? 0 : index + view.getUint16(startAt + 2, true);
    const blockEnd = Math.min(count, index + SKIP_BLOCK);
    let fieldAt = run.fieldsAt * 8 + index * fieldBits;
    let done = nextBit & ~31;
    if (done >= bits) throw quotientsEnd(run, bits);
    let word = quotientWord(view, quotientsAt, done, bits) & (-1 << (nextBit & 31));
    while (index < blockEnd && candidate <= lastOrdinal) {
      while (word === 0) {
        done += 32;
        if (done >= bits) throw quotientsEnd(run, bits);
        word = quotientWord(view, quotientsAt, done, bits);
      }
      const bit = done + 31 - Math.clz32(word & -word);
      word &= word - 1;
      const field = (view.getUint32(fieldAt >>> 3, true) >>> (fieldAt & 7)) & fieldMask;
      fieldAt += fieldBits;
      ordinal += ((bit - nextBit) << lowBits) + (field >>> impactBits) + 1;
      nextBit = bit + 1;
      index++;
      decoded++;
      while (candidate < ordinal) {
        if (++next === candidateCount) return decoded;
        candidate = candidates[next]!;
      }
      if (candidate !== ordinal) continue;
      scores[next]! += least + weight * (field & impactMask);
      if (++next === candidateCount) return decoded;
      candidate = candidates[next]!;
    }
  }
  return decoded;
}

/** Its skip table or its quotients are not what its header says. */
function quotientsEnd({ key, quotientsAt }: Run, bits: number): LzeroError {
  const offset = PAGE_HEADER_BYTES + quotientsAt;
  return pageCorrupt(key, offset, "the quotients of a run", `a posting before bit ${bits}`, "none");
}

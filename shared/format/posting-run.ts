/**
 * The run: postings with ascending ordinals, coded close to their entropy and decoded at memory speed. Arrays go in
 * and come out; what a list of several runs is, and where a run lies, is for `posting-list.ts`; scoring, which makes no arrays of
 * it, is for `run-scoring.ts`.
 *
 * Gaps are Golomb-Rice codes with a power of two (Rice & Plaunt 1971; a geometric gap costs about .05 bits more than
 * its entropy), split into two streams: quotients in unary, so that the next one is a count of trailing zeros, and
 * fields of one width that hold a gap's low bits and the impact together, so that a posting is one unaligned read.
 */
import type { ByteReader, ByteWriter } from "./bytes.ts";
import { pageCorrupt } from "./errors.ts";
import { PAGE_HEADER_BYTES } from "./page.ts";

/** Postings between two entries of the skip table. */
export const SKIP_BLOCK = 128;
export const SKIP_SHIFT = 7;
export const SKIP_ENTRY_BYTES = 4;
/** Bits of a gap in a field at most: with 8 bits of impact and 7 of misalignment a field is in one u32. */
export const MAX_LOW_BITS = 15;
/** Streams are read four bytes at a time: so many bytes must follow the last run of a payload. */
export const RUN_SLACK_BYTES = 4;

/** A run in place: its header decoded, its streams located. */
export interface Run {
  /** Of the page that holds it, for errors. */
  readonly key: string;
  readonly view: DataView;
  readonly count: number;
  /** Ordinals of the run are relative to this. */
  readonly base: number;
  /** Bits of a gap that are in its field. */
  readonly lowBits: number;
  /** Bits of an impact, less the smallest one, in its field. */
  readonly impactBits: number;
  readonly minImpact: number;
  readonly maxImpact: number;
  /** Σ of the gaps' quotients. */
  readonly quotients: number;
  /** Entries of the skip table; 0 when the run has none. */
  readonly skips: number;
  /** Offsets in the view. */
  readonly skipsAt: number;
  readonly quotientsAt: number;
  readonly fieldsAt: number;
}

/**
 * Appends `ordinals[start, end)`, at least one, as a run.
 * @param base no ordinal is below it
 * @param withSkips whether blocks can be skipped; only where ordinals − base fit 16 bits
 */
export function encodeRun(
  writer: ByteWriter,
  ordinals: Uint32Array,
  impacts: Uint8Array,
  start: number,
  end: number,
  base: number,
  withSkips: boolean,
): void {
  const count = end - start;
  let minImpact = 255;
  let maxImpact = 0;
  for (let at = start; at < end; at++) {
    const impact = impacts[at]!;
    if (impact < minImpact) minImpact = impact;
    if (impact > maxImpact) maxImpact = impact;
  }
  const { lowBits, quotients } = chooseLowBits(ordinals, start, end, base);
  const impactBits = bitLength(maxImpact - minImpact);
  writer.u8(lowBits);
  writer.u8(minImpact);
  writer.u8(maxImpact);
  writer.varint(quotients);

  const skips = withSkips ? skipCount(count) : 0;
  const skipsAt = writer.length;
  writer.zeros(skips * SKIP_ENTRY_BYTES);
  const quotientsAt = writer.length;
  writer.zeros((count + quotients + 7) >>> 3);
  const fieldsAt = writer.length;
  const fieldBits = lowBits + impactBits;
  writer.zeros((count * fieldBits + 7) >>> 3);

  const bytes = writer.view();
  const lowMask = (1 << lowBits) - 1;
  let previous = base - 1;
  let quotientSum = 0;
  let fieldByte = fieldsAt;
  let pending = 0;
  let pendingBits = 0;
  for (let index = 0; index < count; index++) {
    if (index > 0 && skips > 0 && (index & (SKIP_BLOCK - 1)) === 0) {
      const at = skipsAt + ((index >>> SKIP_SHIFT) - 1) * SKIP_ENTRY_BYTES;
      const local = previous - base;
      bytes[at] = local & 0xff;
      bytes[at + 1] = local >>> 8;
      bytes[at + 2] = quotientSum & 0xff;
      bytes[at + 3] = quotientSum >>> 8;
    }
    const gap = ordinals[start + index]! - previous - 1;
    previous = ordinals[start + index]!;
    quotientSum += gap >>> lowBits;
    const bit = index + quotientSum;
    bytes[quotientsAt + (bit >>> 3)]! |= 1 << (bit & 7);
    pending |= (((gap & lowMask) << impactBits) | (impacts[start + index]! - minImpact)) << pendingBits;
    pendingBits += fieldBits;
    while (pendingBits >= 8) {
      bytes[fieldByte++] = pending & 0xff;
      pending >>>= 8;
      pendingBits -= 8;
    }
  }
  if (pendingBits > 0) bytes[fieldByte] = pending;
}

/**
 * Reads the header of a run and finds its streams.
 * @param reader stands at the run, and stands behind it afterwards
 * @param view of the payload; the caller has checked that RUN_SLACK_BYTES follow the list
 * @throws LzeroError `page_corrupt`
 */
export function openRun(
  reader: ByteReader,
  key: string,
  view: DataView,
  count: number,
  base: number,
  withSkips: boolean,
): Run {
  const lowBits = reader.u8("the low bits of a run");
  if (lowBits > MAX_LOW_BITS)
    throw reader.corrupt("the low bits of a run", `at most ${MAX_LOW_BITS}`, lowBits);
  const minImpact = reader.u8("the smallest impact of a run");
  const maxImpact = reader.u8("the largest impact of a run");
  if (minImpact === 0 || minImpact > maxImpact) {
    throw reader.corrupt("the impacts of a run", "1 up to the largest", `${minImpact} to ${maxImpact}`);
  }
  // The quotients of a run of ordinals below 2^28 never sum to more.
  const quotients = reader.varint(withSkips ? 0xffff : 2 ** 28, "the quotients of a run");
  const impactBits = bitLength(maxImpact - minImpact);
  const skips = withSkips ? skipCount(count) : 0;
  const skipsAt = reader.offset;
  reader.skip(skips * SKIP_ENTRY_BYTES, "the skip table of a run");
  const quotientsAt = reader.offset;
  reader.skip(Math.ceil((count + quotients) / 8), "the quotients of a run");
  const fieldsAt = reader.offset;
  reader.skip(Math.ceil((count * (lowBits + impactBits)) / 8), "the fields of a run");
  return {
    key,
    view,
    count,
    base,
    lowBits,
    impactBits,
    minImpact,
    maxImpact,
    quotients,
    skips,
    skipsAt,
    quotientsAt,
    fieldsAt,
  };
}

/**
 * Decodes a run into arrays, from `into` on.
 * @param limit ordinals lie below
 * @throws LzeroError `page_corrupt`
 */
export function decodeRun(
  run: Run,
  ordinals: Uint32Array,
  impacts: Uint8Array,
  into: number,
  limit: number,
): void {
  const { view, count, lowBits, impactBits, minImpact, quotientsAt, fieldsAt } = run;
  const fieldBits = lowBits + impactBits;
  const fieldMask = (1 << fieldBits) - 1;
  const impactMask = (1 << impactBits) - 1;
  const bits = count + run.quotients;
  let ordinal = run.base - 1;
  let lastBit = -1;
  let fieldAt = fieldsAt * 8;
  let at = into;
  let highest = 0;
  let lowest = 255;
  for (let done = 0; done < bits; done += 32) {
    let word = quotientWord(view, quotientsAt, done, bits);
    if (at - into + 32 > count) checkCount(run, at - into, word);
    while (word !== 0) {
      const bit = done + 31 - Math.clz32(word & -word);
      word &= word - 1;
      const field = (view.getUint32(fieldAt >>> 3, true) >>> (fieldAt & 7)) & fieldMask;
      fieldAt += fieldBits;
      ordinal += ((bit - lastBit - 1) << lowBits) + (field >>> impactBits) + 1;
      lastBit = bit;
      const impact = minImpact + (field & impactMask);
      if (impact > highest) highest = impact;
      if (impact < lowest) lowest = impact;
      ordinals[at] = ordinal;
      impacts[at++] = impact;
    }
  }
  checkRun(run, at - into, lastBit + 1, ordinal, limit);
  if (highest !== run.maxImpact || lowest !== minImpact) {
    throw pageCorrupt(
      run.key,
      PAGE_HEADER_BYTES + fieldsAt,
      "the impacts of a run",
      `${minImpact} to ${run.maxImpact}`,
      `${lowest} to ${highest}`,
    );
  }
}

/** All bytes of a run but its header: its skip table, quotients and fields. */
export function runBytes({ view, count, lowBits, impactBits, skipsAt, fieldsAt }: Run): Uint8Array {
  const end = fieldsAt + Math.ceil((count * (lowBits + impactBits)) / 8);
  return new Uint8Array(view.buffer, view.byteOffset + skipsAt, end - skipsAt);
}

/** 32 bits of the quotients, those behind the last one cleared. */
export function quotientWord(view: DataView, quotientsAt: number, done: number, bits: number): number {
  const word = view.getInt32(quotientsAt + (done >>> 3), true);
  const left = bits - done;
  return left < 32 ? word & ((1 << left) - 1) : word;
}

/** No field behind the run's own is read, whatever the quotients say: called where a word may go past the count. */
export function checkCount({ key, count, quotientsAt }: Run, decoded: number, word: number): void {
  let postings = decoded;
  for (let left = word; left !== 0; left &= left - 1) postings++;
  if (postings > count) {
    throw pageCorrupt(key, PAGE_HEADER_BYTES + quotientsAt, "the postings of a run", count, postings);
  }
}

/** @param endBit behind the quotient of the last posting */
export function checkRun(
  run: Run,
  decoded: number,
  endBit: number,
  lastOrdinal: number,
  limit: number,
): void {
  const { key, count, quotients, quotientsAt } = run;
  if (decoded !== count) {
    throw pageCorrupt(key, PAGE_HEADER_BYTES + quotientsAt, "the postings of a run", count, decoded);
  }
  if (endBit !== count + quotients) {
    const actual = endBit - count;
    throw pageCorrupt(key, PAGE_HEADER_BYTES + quotientsAt, "the quotients of a run", quotients, actual);
  }
  if (lastOrdinal >= limit) {
    throw pageCorrupt(
      run.key,
      PAGE_HEADER_BYTES + run.fieldsAt,
      "an ordinal",
      `less than ${limit}`,
      lastOrdinal,
    );
  }
}

/** Entries of a skip table: one before each block but the first. */
function skipCount(count: number): number {
  return (count - 1) >>> SKIP_SHIFT;
}

function bitLength(value: number): number {
  return 32 - Math.clz32(value);
}

/** The parameter that makes the run shortest, looked for around that of a geometric distribution of the same mean. */
function chooseLowBits(
  ordinals: Uint32Array,
  start: number,
  end: number,
  base: number,
): { lowBits: number; quotients: number } {
  const count = end - start;
  const mean = (ordinals[end - 1]! - base + 1 - count) / count;
  const middle = Math.max(0, Math.min(MAX_LOW_BITS, Math.round(Math.log2(Math.max(1, mean * Math.LN2)))));
  const low = Math.max(0, middle - 1);
  const high = Math.min(MAX_LOW_BITS, middle + 1);
  let sumLow = 0;
  let sumMiddle = 0;
  let sumHigh = 0;
  let previous = base - 1;
  for (let at = start; at < end; at++) {
    const gap = ordinals[at]! - previous - 1;
    previous = ordinals[at]!;
    sumLow += gap >>> low;
    sumMiddle += gap >>> middle;
    sumHigh += gap >>> high;
  }
  let best = { lowBits: middle, quotients: sumMiddle };
  for (const other of [
    { lowBits: low, quotients: sumLow },
    { lowBits: high, quotients: sumHigh },
  ]) {
    const gain = best.lowBits * count + best.quotients - (other.lowBits * count + other.quotients);
    if (gain > 0) best = other;
  }
  return best;
}

/**
 * The hot loops of scoring a window, in AssemblyScript: what `plain-kernel.ts` does, over one memory of fixed layout.
 * A run's bytes are copied to RUN before it is added. Nothing here trusts them: an accumulator is written only when its
 * ordinal lies below the limit, and reads reach no further than the memory goes.
 *
 * Compiled by compile-kernel.mjs. 64-bit words: one load gives the quotients of about 28 postings, or the fields of 2
 * or 4; eight postings are decoded at once, so that their additions wait for nothing but the memory.
 */

/** Int32 [65,536]: all 0 between windows. */
export const ACCUMULATORS: usize = 0;
/** Uint16 [65,536], and one that is written before it is known to be none: ordinals that were touched, candidates. */
export const CANDIDATES: usize = 262_144;
/** Int32 [65,536]: scores of the candidates. */
export const SCORES: usize = 393_472;
/** Bytes of a run: at most 2,044 of skips, 16,384 of quotients and 188,416 of fields. */
export const RUN: usize = 655_616;
export const RUN_BYTES: i32 = 208_896;

/** Fields of 14 bits and less: four of them, and 7 bits before them, are in one load. */
const NARROW_FIELD_BITS: i32 = 14;

/**
 * Adds weight · impact of every posting to the accumulator of its ordinal.
 * @param quotientsAt address
 * @param fieldsAt address
 * @param bits of the quotients
 * @param limit ordinals lie below; at most 65,536
 * @returns 0; -1 when the run is not what its header says: some accumulators were added to by then
 */
export function accumulate(
  quotientsAt: usize, fieldsAt: usize, count: i32, bits: i32, lowBits: i32, impactBits: i32, minImpact: i32,
  weight: i32, limit: i32,
): i32 {
  return lowBits + impactBits <= NARROW_FIELD_BITS
    ? addRun(true, false, 0, quotientsAt, fieldsAt, count, bits, lowBits, impactBits, minImpact, weight, limit)
    : addRun(false, false, 0, quotientsAt, fieldsAt, count, bits, lowBits, impactBits, minImpact, weight, limit);
}

/**
 * The same, listing at CANDIDATES the ordinals whose accumulators were 0 before.
 * @param touched how many are listed already
 * @returns how many are listed now, or -1
 */
export function accumulateTouching(
  quotientsAt: usize, fieldsAt: usize, count: i32, bits: i32, lowBits: i32, impactBits: i32, minImpact: i32,
  weight: i32, limit: i32, touched: i32,
): i32 {
  return lowBits + impactBits <= NARROW_FIELD_BITS
    ? addRun(true, true, touched, quotientsAt, fieldsAt, count, bits, lowBits, impactBits, minImpact, weight, limit)
    : addRun(false, true, touched, quotientsAt, fieldsAt, count, bits, lowBits, impactBits, minImpact, weight, limit);
}

/**
 * Lists at CANDIDATES, ascending, the ordinals in [from, to) whose accumulators are at least `need`, and at SCORES what
 * these are. @param from a multiple of 16, as `to` is unless all accumulators from it on are 0
 * @param need at least 1
 * @returns how many
 */
export function find(from: i32, to: i32, need: i32): i32 {
  return scan(false, from, to, need);
}

/** The same, and leaves all of them 0. */
export function harvest(from: i32, to: i32, need: i32): i32 {
  return scan(true, from, to, need);
}

/** Keeps of the ordinals listed at CANDIDATES those whose accumulators are at least `need`; leaves all of them 0. */
export function harvestTouched(touched: i32, need: i32): i32 {
  let count: i32 = 0;
  for (let at: i32 = 0; at < touched; at++) {
    const ordinal = load<u16>(CANDIDATES + (<usize>at << 1));
    const accumulator = ACCUMULATORS + (<usize>ordinal << 2);
    const score = load<i32>(accumulator);
    store<i32>(accumulator, 0);
    store<u16>(CANDIDATES + (<usize>count << 1), ordinal);
    store<i32>(SCORES + (<usize>count << 2), score);
    count += <i32>(score >= need);
  }
  return count;
}

/**
 * Adds weight · impact to the scores of the candidates that the run has. Only blocks in which a candidate can lie are
 * decoded, as far as their last candidate.
 * @param skipsAt address
 * @param candidates how many there are
 * @returns postings that were decoded; -1 when the run has not the quotients that its header says
 */
export function probe(
  skipsAt: usize, skips: i32,
  quotientsAt: usize, fieldsAt: usize, count: i32, bits: i32, lowBits: i32, impactBits: i32, minImpact: i32,
  weight: i32, candidates: i32,
): i32 {
  const fieldBits = lowBits + impactBits;
  const impactMask: i32 = (1 << impactBits) - 1;
  const lowMask: u64 = (<u64>1 << <u64>lowBits) - 1;
  const least = weight * minImpact;
  let decoded: i32 = 0;
  let next: i32 = 0;
  if (candidates == 0) return 0;
  let candidate = candidateAt(0);
  for (let block: i32 = 0; block <= skips; block++) {
    while (block < skips && <i64>load<u16>(skipsAt + (<usize>block << 2)) < candidate) block++;
    const entryAt = skipsAt + (<usize>block << 2);
    const lastOrdinal: i64 = block < skips ? <i64>load<u16>(entryAt) : 0xffff;
    let ordinal: i64 = block == 0 ? -1 : <i64>load<u16>(entryAt - 4);
    let index = block << 7;
    let nextBit: i32 = block == 0 ? 0 : index + <i32>load<u16>(entryAt - 2);
    if (nextBit >= bits) return -1;
    const end = min(count, index + 128);
    let fieldBit = <u32>(index * fieldBits);
    let done = nextBit & ~63;
    let word = quotientWord(quotientsAt, done, bits) & (<u64>-1 << <u64>(nextBit & 63));
    while (index < end && candidate <= lastOrdinal) {
      while (word == 0) {
        done += 64;
        if (done >= bits) return -1;
        word = quotientWord(quotientsAt, done, bits);
      }
      const bit = done + <i32>ctz(word);
      word &= word - 1;
      const field = fieldsFrom(fieldsAt, fieldBit);
      fieldBit += fieldBits;
      ordinal += 1 + (<i64>(bit - nextBit) << <i64>lowBits) + <i64>((field >> <u64>impactBits) & lowMask);
      nextBit = bit + 1;
      index++;
      decoded++;
      while (candidate < ordinal) {
        if (++next == candidates) return decoded;
        candidate = candidateAt(next);
      }
      if (candidate != ordinal) continue;
      const score = SCORES + (<usize>next << 2);
      store<i32>(score, load<i32>(score) + least + weight * (<i32>field & impactMask));
      if (++next == candidates) return decoded;
      candidate = candidateAt(next);
    }
  }
  return decoded;
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function candidateAt(place: i32): i64 {
  return <i64>load<u16>(CANDIDATES + (<usize>place << 1));
}

/** 64 bits of the quotients, those behind the last one cleared. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function quotientWord(quotientsAt: usize, done: i32, bits: i32): u64 {
  const word = load<u64>(quotientsAt + (done >>> 3));
  const left = bits - done;
  return left < 64 ? word & ((<u64>1 << <u64>left) - 1) : word;
}

/** How many of every 256 accumulators' first four are at least `need`. */
export function sample(to: i32, need: i32): i32 {
  const needs = i32x4.splat(need);
  let counts = i32x4.splat(0);
  for (let at: i32 = 0; at < to; at += 256) {
    counts = i32x4.sub(counts, i32x4.ge_s(v128.load(ACCUMULATORS + (<usize>at << 2)), needs));
  }
  return i32x4.extract_lane(counts, 0) + i32x4.extract_lane(counts, 1) + i32x4.extract_lane(counts, 2) +
    i32x4.extract_lane(counts, 3);
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function scan(clears: bool, from: i32, to: i32, need: i32): i32 {
  const needs = i32x4.splat(need);
  const zeros = i32x4.splat(0);
  let count: i32 = 0;
  for (let at = from; at < to; at += 16) {
    const address = ACCUMULATORS + (<usize>at << 2);
    const a = v128.load(address);
    const b = v128.load(address, 16);
    const c = v128.load(address, 32);
    const d = v128.load(address, 48);
    const low = i16x8.narrow_i32x4_s(i32x4.ge_s(a, needs), i32x4.ge_s(b, needs));
    const high = i16x8.narrow_i32x4_s(i32x4.ge_s(c, needs), i32x4.ge_s(d, needs));
    let found: i32 = i8x16.bitmask(i8x16.narrow_i16x8_s(low, high));
    while (found != 0) {
      const ordinal = at + ctz(found);
      found &= found - 1;
      store<u16>(CANDIDATES + (<usize>count << 1), <u16>ordinal);
      store<i32>(SCORES + (<usize>count << 2), load<i32>(ACCUMULATORS + (<usize>ordinal << 2)));
      count++;
    }
    if (clears) {
      v128.store(address, zeros);
      v128.store(address, zeros, 16);
      v128.store(address, zeros, 32);
      v128.store(address, zeros, 48);
    }
  }
  return count;
}

/** Ordinals are 64 bits wide: whatever the quotients say, they do not wrap before they are compared with the limit. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function addRun(
  narrow: bool, touching: bool, touched: i32,
  quotientsAt: usize, fieldsAt: usize, count: i32, bits: i32, lowBits: i32, impactBits: i32, minImpact: i32,
  weight: i32, limit: i32,
): i32 {
  const fieldBits = lowBits + impactBits;
  const shift = <u64>fieldBits;
  const impactShift = <u64>impactBits;
  const impactMask: i32 = (1 << impactBits) - 1;
  const lowMask: u64 = (<u64>1 << <u64>lowBits) - 1;
  /** What one bit of a quotient is worth. A multiplication is cheaper than a shift by what is not known here. */
  const scale = <i64>1 << <i64>lowBits;
  /** From a posting to the next the place of its bit counts the 1 before it, which is no quotient. */
  const step = 1 - scale;
  const least = weight * minImpact;
  const end = <i64>limit;
  let to: usize = CANDIDATES + (<usize>touched << 1);
  let ordinal: i64 = -1;
  let nextBit: i64 = 0;
  let fieldBit: u32 = 0;
  let left = count;
  while (left > 0) {
    while (left >= 8) {
      let word = load<u64>(quotientsAt + <usize>(nextBit >> 3)) >> <u64>(nextBit & 7);
      const z0 = <i64>ctz(word); word &= word - 1;
      const z1 = <i64>ctz(word); word &= word - 1;
      const z2 = <i64>ctz(word); word &= word - 1;
      const z3 = <i64>ctz(word); word &= word - 1;
      const z4 = <i64>ctz(word); word &= word - 1;
      const z5 = <i64>ctz(word); word &= word - 1;
      const z6 = <i64>ctz(word); word &= word - 1;
      if (word == 0) break;
      const z7 = <i64>ctz(word);

      let fields = fieldsFrom(fieldsAt, fieldBit);
      let lows = fields >> impactShift;
      let sum = ordinal + 1 + <i64>(lows & lowMask);
      const o0 = sum + z0 * scale;
      const i0 = <i32>fields & impactMask;
      fields >>= shift; lows >>= shift;
      sum += step + <i64>(lows & lowMask);
      const o1 = sum + z1 * scale;
      const i1 = <i32>fields & impactMask;
      if (narrow) { fields >>= shift; lows >>= shift; }
      else { fields = fieldsFrom(fieldsAt, fieldBit + (fieldBits << 1)); lows = fields >> impactShift; }
      sum += step + <i64>(lows & lowMask);
      const o2 = sum + z2 * scale;
      const i2 = <i32>fields & impactMask;
      fields >>= shift; lows >>= shift;
      sum += step + <i64>(lows & lowMask);
      const o3 = sum + z3 * scale;
      const i3 = <i32>fields & impactMask;
      fields = fieldsFrom(fieldsAt, fieldBit + (fieldBits << 2)); lows = fields >> impactShift;
      sum += step + <i64>(lows & lowMask);
      const o4 = sum + z4 * scale;
      const i4 = <i32>fields & impactMask;
      fields >>= shift; lows >>= shift;
      sum += step + <i64>(lows & lowMask);
      const o5 = sum + z5 * scale;
      const i5 = <i32>fields & impactMask;
      if (narrow) { fields >>= shift; lows >>= shift; }
      else { fields = fieldsFrom(fieldsAt, fieldBit + 6 * fieldBits); lows = fields >> impactShift; }
      sum += step + <i64>(lows & lowMask);
      const o6 = sum + z6 * scale;
      const i6 = <i32>fields & impactMask;
      fields >>= shift; lows >>= shift;
      sum += step + <i64>(lows & lowMask);
      const o7 = sum + z7 * scale;
      const i7 = <i32>fields & impactMask;
      // Ordinals ascend: the others lie below this one.
      if (o7 >= end) return -1;
      if (touching) {
        to = addTouching(to, o0, least + weight * i0);
        to = addTouching(to, o1, least + weight * i1);
        to = addTouching(to, o2, least + weight * i2);
        to = addTouching(to, o3, least + weight * i3);
        to = addTouching(to, o4, least + weight * i4);
        to = addTouching(to, o5, least + weight * i5);
        to = addTouching(to, o6, least + weight * i6);
        to = addTouching(to, o7, least + weight * i7);
      } else {
        add(o0, least + weight * i0);
        add(o1, least + weight * i1);
        add(o2, least + weight * i2);
        add(o3, least + weight * i3);
        add(o4, least + weight * i4);
        add(o5, least + weight * i5);
        add(o6, least + weight * i6);
        add(o7, least + weight * i7);
      }
      ordinal = o7;
      nextBit += z7 + 1;
      fieldBit += fieldBits << 3;
      left -= 8;
    }
    if (left == 0) break;
    // The last few of a run, or one before a long row of zeros.
    let at = nextBit;
    let word = load<u64>(quotientsAt + <usize>(at >> 3)) >> <u64>(at & 7);
    while (word == 0) {
      at = (at & ~7) + 64;
      if (at >= bits) return -1;
      word = load<u64>(quotientsAt + <usize>(at >> 3));
    }
    const quotient = at - nextBit + <i64>ctz(word);
    const field = fieldsFrom(fieldsAt, fieldBit);
    ordinal += 1 + quotient * scale + <i64>((field >> impactShift) & lowMask);
    if (ordinal >= end) return -1;
    const score = least + weight * (<i32>field & impactMask);
    if (touching) to = addTouching(to, ordinal, score);
    else add(ordinal, score);
    nextBit += quotient + 1;
    fieldBit += fieldBits;
    left--;
  }
  if (nextBit != <i64>bits) return -1;
  return touching ? <i32>((to - CANDIDATES) >> 1) : 0;
}

/** At least 57 bits of the fields, from a bit on. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function fieldsFrom(fieldsAt: usize, bit: u32): u64 {
  return load<u64>(fieldsAt + (bit >>> 3)) >> <u64>(bit & 7);
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function add(ordinal: i64, score: i32): void {
  const at = ACCUMULATORS + (<usize>ordinal << 2);
  store<i32>(at, load<i32>(at) + score);
}

/** Whether this is the first posting of a document cannot be predicted, so it is no branch. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function addTouching(to: usize, ordinal: i64, score: i32): usize {
  const at = ACCUMULATORS + (<usize>ordinal << 2);
  const before = load<i32>(at);
  store<i32>(at, before + score);
  store<u16>(to, <u16>ordinal);
  return to + (<usize>(before == 0) << 1);
}

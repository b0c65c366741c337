/**
 * Whether two systems differ by more than chance: the paired randomisation test (Fisher's; recommended for retrieval by
 * Smucker, Allan and Carterette, CIKM 2007). Enters: one difference a query. Leaves: a two-sided p-value. Under the null
 * hypothesis each difference might as well have had the other sign.
 */
import { LzeroError } from "../../shared/errors.ts";

/** Fewer give a p-value too coarse to report. */
export const LEAST_PERMUTATIONS = 10_000;
export const DEFAULT_PERMUTATIONS = 100_000;
/** Differences within this count as none: means of at most some thousand terms of at most 1. */
const ROUNDING = 1e-12;

export interface PairedTest {
  /** Mean of all differences. */
  readonly difference: number;
  /** Share of sign patterns whose mean is at least as far from 0. */
  readonly pValue: number;
  /** Sign patterns looked at. */
  readonly permutations: number;
  /** All patterns were looked at, not a sample. */
  readonly isExact: boolean;
  /** Differences above, at and below 0. */
  readonly wins: number;
  readonly ties: number;
  readonly losses: number;
}

export interface PairedTestOptions {
  /** At least 10,000. @default 100,000 */
  readonly permutations?: number;
  /** The same seed gives the same p-value. @default 1 */
  readonly seed?: number;
}

/**
 * Tests the mean of paired differences against 0. Where all sign patterns are no more than the permutations asked for,
 * all are looked at and the p-value is exact; else (hits + 1) / (permutations + 1), which counts the observed pattern.
 * @throws LzeroError `test_invalid` without differences, with one that is no number, or with too few permutations
 */
export function testPaired(differences: readonly number[], options: PairedTestOptions = {}): PairedTest {
  const { permutations = DEFAULT_PERMUTATIONS, seed = 1 } = options;
  if (!Number.isInteger(permutations) || permutations < LEAST_PERMUTATIONS) {
    throw new LzeroError("test_invalid", `a test needs at least ${LEAST_PERMUTATIONS} permutations`, {
      expected: LEAST_PERMUTATIONS,
      actual: permutations,
    });
  }
  if (differences.length === 0 || !differences.every(Number.isFinite)) {
    throw new LzeroError("test_invalid", "a paired test needs a finite difference for each of some queries");
  }
  const signed = Float64Array.from(differences.filter((difference) => Math.abs(difference) > ROUNDING));
  const sum = signed.reduce((total, difference) => total + difference, 0);
  const bound = Math.abs(sum) - ROUNDING * differences.length;
  const wins = signed.filter((difference) => difference > 0).length;
  const common = {
    difference: sum / differences.length,
    wins,
    ties: differences.length - signed.length,
    losses: signed.length - wins,
  };
  if (2 ** signed.length <= permutations) {
    const patterns = 2 ** signed.length;
    return { ...common, pValue: countAll(signed, bound) / patterns, permutations: patterns, isExact: true };
  }
  const hits = countSampled(signed, bound, permutations, seed);
  return { ...common, pValue: (hits + 1) / (permutations + 1), permutations, isExact: false };
}

/** Sign patterns, of all, whose sum is at least `bound` from 0. */
function countAll(differences: Float64Array, bound: number): number {
  let hits = 0;
  for (let pattern = 0; pattern < 2 ** differences.length; pattern++) {
    if (Math.abs(sumSigned(differences, () => pattern)) >= bound) hits++;
  }
  return hits;
}

function countSampled(differences: Float64Array, bound: number, permutations: number, seed: number): number {
  const nextBits = randomBits(seed);
  let hits = 0;
  for (let i = 0; i < permutations; i++) if (Math.abs(sumSigned(differences, nextBits)) >= bound) hits++;
  return hits;
}

/** @param nextBits asked for once every 32 differences; a set bit turns the sign of one */
function sumSigned(differences: Float64Array, nextBits: () => number): number {
  let sum = 0;
  let bits = 0;
  for (let i = 0; i < differences.length; i++) {
    if (i % 32 === 0) bits = nextBits();
    sum += bits & 1 ? -differences[i]! : differences[i]!;
    bits >>>= 1;
  }
  return sum;
}

/** 32 random bits a call: a Weyl sequence through MurmurHash3's finalizer. */
function randomBits(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return mixed ^ (mixed >>> 16);
  };
}

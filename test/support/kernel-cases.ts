/**
 * Runs for holding one kernel against another: every width of fields, short and full, honest and damaged. And what is
 * checked of two kernels, so that Node and workerd check the same.
 */
import { WINDOW_ORDINALS, type WindowedPostings } from "../../shared/format/posting-list.ts";
import { type Run, SKIP_BLOCK } from "../../shared/format/posting-run.ts";
import { accumulateRun, accumulateRunTouching, probeRun } from "../../shared/format/run-scoring.ts";
import type { WindowKernel } from "../../shared/query/kernel/kernel.ts";
import { randomOf } from "./random.ts";

export interface RunShape {
  readonly seed: number;
  /** Ordinals of the window, at least 1. */
  readonly size: number;
  /** Share of them that have a posting; at least one has. */
  readonly density: number;
  /** Bits of a gap in a field: not those that would make it shortest, but these. */
  readonly lowBits: number;
  readonly impactBits: number;
  readonly withSkips: boolean;
}

/** A run as `encodeRun` would write it if it did not choose the low bits itself. */
export function makeRun({ seed, size, density, lowBits, impactBits, withSkips }: RunShape): Run {
  const random = randomOf(seed);
  const ordinals: number[] = [];
  for (let ordinal = 0; ordinal < size; ordinal++) if (random() < density) ordinals.push(ordinal);
  if (ordinals.length === 0) ordinals.push(Math.floor(random() * size));
  const count = ordinals.length;
  const minImpact = 1 + Math.floor(random() * (256 - 2 ** impactBits));
  const maxImpact = Math.min(255, minImpact + 2 ** impactBits - 1);
  const fields: number[] = [];
  const ones: number[] = [];
  const skips: number[] = [];
  let previous = -1;
  let quotients = 0;
  for (const [index, ordinal] of ordinals.entries()) {
    if (withSkips && index > 0 && index % SKIP_BLOCK === 0) skips.push(previous, quotients);
    const gap = ordinal - previous - 1;
    quotients += gap >>> lowBits;
    ones.push(index + quotients);
    const impact = Math.floor(random() * (maxImpact - minImpact + 1));
    fields.push(((gap & (2 ** lowBits - 1)) << impactBits) | impact);
    previous = ordinal;
  }
  const skipsAt = 3;
  const quotientsAt = skipsAt + 2 * skips.length;
  const fieldsAt = quotientsAt + Math.ceil((count + quotients) / 8);
  const bytes = new Uint8Array(fieldsAt + Math.ceil((count * (lowBits + impactBits)) / 8) + 4);
  // What lies around a run is of other lists.
  bytes.fill(0xa5, 0, skipsAt);
  bytes.fill(0xff, bytes.length - 4);
  const view = new DataView(bytes.buffer);
  for (const [at, value] of skips.entries()) view.setUint16(skipsAt + 2 * at, value, true);
  for (const bit of ones) bytes[quotientsAt + (bit >> 3)]! |= 1 << (bit & 7);
  let fieldBit = 8 * fieldsAt;
  for (const field of fields) {
    for (let bit = 0; bit < lowBits + impactBits; bit++, fieldBit++) {
      bytes[fieldBit >> 3]! |= ((field >> bit) & 1) << (fieldBit & 7);
    }
  }
  return {
    key: "key",
    view,
    count,
    base: 0,
    lowBits,
    impactBits,
    minImpact,
    maxImpact,
    quotients,
    skips: skips.length / 2,
    skipsAt,
    quotientsAt,
    fieldsAt,
  };
}

/** The same run with a bit of its bytes turned; bits count from its skip table on. */
export function damageRun(run: Run, bit: number): Run {
  const bytes = new Uint8Array(run.view.buffer.slice(0));
  const place = 8 * run.skipsAt + bit;
  bytes[place >> 3]! ^= 1 << (place & 7);
  return { ...run, view: new DataView(bytes.buffer) };
}

/** A list of one window, as the kernels see it. */
export function listOf(run: Run): WindowedPostings {
  return {
    count: () => run.count,
    maxImpact: () => run.maxImpact,
    accumulate: (_window, weight, accumulators) =>
      accumulateRun(run, weight, accumulators, accumulators.length),
    accumulateTouching: (_window, weight, accumulators, touched, count) =>
      accumulateRunTouching(run, weight, accumulators, accumulators.length, touched, count),
    probe: (_window, weight, candidates, scores, count) => probeRun(run, weight, candidates, scores, count),
    run: () => run,
  };
}

/** All that can be seen of a kernel after two lists were added in each way: equal texts, equal kernels. */
export function describeAdding(
  kernel: WindowKernel,
  size: number,
  lists: readonly WindowedPostings[],
): string {
  const seen: string[] = [];
  const found = (count: number) => {
    const scores = kernel.scores.subarray(0, count);
    seen.push(`${count}: ${kernel.candidates.subarray(0, count).join()} ${scores.join()}`);
  };
  kernel.prepare(size);
  if (kernel.accumulators.some((sum) => sum !== 0)) throw new Error("the accumulators are not 0");
  for (const list of lists) kernel.add(list, 0, 1000);
  seen.push(`${kernel.guess(1)} ${kernel.guess(100_000)}`);
  found(kernel.find(0, size, 100_000));
  const middle = 16 * Math.floor(size / 32);
  found(kernel.harvest(0, middle, 1));
  found(kernel.harvest(middle, size, 50_000));
  // One document is excluded.
  kernel.accumulators[size >> 1] = -0x8000_0000;
  const touched = lists.reduce((count, list) => kernel.addTouching(list, 0, 7, count), 0);
  seen.push(`touched ${touched}: ${kernel.candidates.subarray(0, touched).join()}`);
  found(kernel.harvestTouched(touched, 300));
  kernel.accumulators[size >> 1] = 0;
  for (const step of [1, 5, 301]) {
    let count = 0;
    for (let ordinal = step >> 1; ordinal < size; ordinal += step) {
      kernel.candidates[count] = ordinal;
      kernel.scores[count++] = ordinal;
    }
    seen.push(`decoded ${lists.map((list) => kernel.probe(list, 0, 3, count)).join()}`);
    found(count);
  }
  if (kernel.accumulators.some((sum) => sum !== 0)) throw new Error("the accumulators were not left 0");
  return seen.join("\n");
}

/** Every width of fields, with runs short and long; few enough for a test of seconds. */
export function* allWidths(): Generator<RunShape> {
  let seed = 1;
  for (let lowBits = 0; lowBits <= 15; lowBits++) {
    for (let impactBits = 0; impactBits <= 8; impactBits++) {
      const density = [0.0002, 0.004, 0.05, 0.4, 1][seed % 5]!;
      const size = [1, 15, 700, 9001, WINDOW_ORDINALS][(seed >> 2) % 5]!;
      yield { seed: seed++, size, density, lowBits, impactBits, withSkips: seed % 3 > 0 };
    }
  }
}

/**
 * The compiled kernel (`window-loops.as`). In: the exports of an instance, which the caller makes, for that differs
 * between Node and a Worker. Out: a kernel over the instance's memory, 896 KiB that never grow; one an isolate.
 *
 * A run is copied into the memory, a few thousand bytes at a time, and added there. Postings in another form, which
 * are few, are added by the plain loops, to the same accumulators.
 */
import { LzeroError } from "../../errors.ts";
import { WINDOW_ORDINALS, type WindowedPostings } from "../../format/posting-list.ts";
import { type Run, runBytes } from "../../format/posting-run.ts";
import { accumulateRun, probeRun } from "../../format/run-scoring.ts";
import { SAMPLE_STRIDE, SAMPLED, type WindowKernel } from "./kernel.ts";

/** What `window-loops.as` exports; addresses are globals. */
export interface WindowLoops {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly ACCUMULATORS: Address;
  readonly CANDIDATES: Address;
  readonly SCORES: Address;
  readonly RUN: Address;
  readonly RUN_BYTES: Address;
  accumulate(...run: RunArguments): number;
  accumulateTouching(...run: [...RunArguments, touched: number]): number;
  find(from: number, to: number, need: number): number;
  harvest(from: number, to: number, need: number): number;
  harvestTouched(touched: number, need: number): number;
  probe(skipsAt: number, skips: number, ...run: RunArguments): number;
  sample(to: number, need: number): number;
}

interface Address {
  readonly value: number;
}

type RunArguments = [
  quotientsAt: number,
  fieldsAt: number,
  count: number,
  bits: number,
  lowBits: number,
  impactBits: number,
  minImpact: number,
  weight: number,
  /** The limit of ordinals; of `probe` how many candidates there are. */
  limit: number,
];

/** @param exports of an instance of the module, which imports nothing */
export function createWasmKernel(exports: unknown): WindowKernel {
  return new WasmKernel(exports as WindowLoops);
}

class WasmKernel implements WindowKernel {
  readonly name = "wasm";
  accumulators: Int32Array;
  readonly candidates: Uint16Array;
  readonly scores: Int32Array;
  readonly #loops: WindowLoops;
  readonly #all: Int32Array;
  readonly #run: Uint8Array;

  constructor(loops: WindowLoops) {
    const { buffer } = loops.memory;
    this.#loops = loops;
    this.#all = new Int32Array(buffer, loops.ACCUMULATORS.value, WINDOW_ORDINALS);
    this.#run = new Uint8Array(buffer, loops.RUN.value, loops.RUN_BYTES.value);
    this.accumulators = this.#all;
    this.candidates = new Uint16Array(buffer, loops.CANDIDATES.value, WINDOW_ORDINALS + 1);
    this.scores = new Int32Array(buffer, loops.SCORES.value, WINDOW_ORDINALS);
  }

  prepare(size: number): void {
    if (this.accumulators.length !== size) this.accumulators = this.#all.subarray(0, size);
  }

  add(postings: WindowedPostings, window: number, weight: number): void {
    const run = postings.run(window);
    if (run === null || !this.#load(run)) {
      postings.accumulate(window, weight, this.accumulators);
      return;
    }
    const start = this.#run.byteOffset - run.skipsAt;
    const result = this.#loops.accumulate(
      start + run.quotientsAt,
      start + run.fieldsAt,
      run.count,
      run.count + run.quotients,
      run.lowBits,
      run.impactBits,
      run.minImpact,
      weight,
      this.accumulators.length,
    );
    if (result < 0) this.#refuse(run);
  }

  addTouching(postings: WindowedPostings, window: number, weight: number, touched: number): number {
    const run = postings.run(window);
    if (run === null || !this.#load(run)) {
      return postings.accumulateTouching(window, weight, this.accumulators, this.candidates, touched);
    }
    const start = this.#run.byteOffset - run.skipsAt;
    const result = this.#loops.accumulateTouching(
      start + run.quotientsAt,
      start + run.fieldsAt,
      run.count,
      run.count + run.quotients,
      run.lowBits,
      run.impactBits,
      run.minImpact,
      weight,
      this.accumulators.length,
      touched,
    );
    if (result < 0) this.#refuse(run);
    return result;
  }

  find(from: number, to: number, need: number): number {
    return this.#loops.find(from, to, need);
  }

  harvest(from: number, to: number, need: number): number {
    return this.#loops.harvest(from, to, need);
  }

  harvestTouched(touched: number, need: number): number {
    return this.#loops.harvestTouched(touched, need);
  }

  probe(postings: WindowedPostings, window: number, weight: number, count: number): number {
    const { candidates, scores } = this;
    const run = postings.run(window);
    if (run === null || count === 0 || !this.#load(run)) {
      return postings.probe(window, weight, candidates, scores, count);
    }
    const start = this.#run.byteOffset - run.skipsAt;
    const result = this.#loops.probe(
      start + run.skipsAt,
      run.skips,
      start + run.quotientsAt,
      start + run.fieldsAt,
      run.count,
      run.count + run.quotients,
      run.lowBits,
      run.impactBits,
      run.minImpact,
      weight,
      count,
    );
    if (result >= 0) return result;
    probeRun(run, 0, candidates, scores, count);
    throw mismatch(run);
  }

  guess(need: number): number {
    return this.#loops.sample(this.accumulators.length, need) * (SAMPLE_STRIDE / SAMPLED);
  }

  reset(): void {
    this.#all.fill(0);
  }

  /** Copies a run in. @returns false when it has more postings than a window, which the plain loops refuse */
  #load(run: Run): boolean {
    const bytes = runBytes(run);
    if (bytes.length > this.#run.length) return false;
    this.#run.set(bytes);
    return true;
  }

  /** Throws what the plain loop throws at a run that the compiled one refused. */
  #refuse(run: Run): never {
    accumulateRun(run, 0, new Int32Array(this.accumulators.length), this.accumulators.length);
    throw mismatch(run);
  }
}

function mismatch({ key }: Run): LzeroError {
  return new LzeroError("kernel_mismatch", "a run was refused that the plain loop takes", { key });
}

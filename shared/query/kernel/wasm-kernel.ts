/**
 * The compiled kernel (`window-loops.as`). In: the exports of an instance, which the caller makes, for that differs
 * between Node and a Worker. Out: a kernel over the instance's memory, 896 KiB that never grow; one an isolate.
 *
 * A run is copied into the memory, a few thousand bytes at a time, and added there. Postings in another form, which
 * are few, are added by the plain loops, to the same accumulators.
 */
import { LzeroError } from "../../errors.ts";
import { WINDOW_ORDINALS, type WindowedPostings } from "../../format/posting-list.ts";
import { accumulateRun, type Run, runBytes } from "../../format/posting-run.ts";
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
    if (result < 0) throw this.#errorOf(run);
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
    if (result < 0) throw this.#errorOf(run);
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

  /** What the plain loop says of a run that the compiled one refused. */
  #errorOf(run: Run): LzeroError {
    accumulateRun(run, 0, new Int32Array(this.accumulators.length), this.accumulators.length);
    return new LzeroError("kernel_mismatch", "a run was refused that the plain loop takes", { key: run.key });
  }
}

/** The compiled kernel does what the plain one does, to the bit, and refuses what the plain one refuses. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openWasmKernel } from "../../../../batch/query/wasm-kernel.ts";
import { isLzeroError, type LzeroError } from "../../../../shared/errors.ts";
import { WINDOW_ORDINALS } from "../../../../shared/format/posting-list.ts";
import type { WindowKernel } from "../../../../shared/query/kernel/kernel.ts";
import { createPlainKernel } from "../../../../shared/query/kernel/plain-kernel.ts";
import {
  allWidths,
  damageRun,
  describeAdding,
  listOf,
  makeRun,
  type RunShape,
} from "../../../support/kernel-cases.ts";
import { errorCodeOf } from "../format/support.ts";

const plain = createPlainKernel();
const wasm = openWasmKernel();

const shapeArbitrary: fc.Arbitrary<RunShape> = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 31 }),
  size: fc.oneof(
    fc.constantFrom(1, 8, 16, 17, WINDOW_ORDINALS - 1, WINDOW_ORDINALS),
    fc.integer({ min: 1, max: WINDOW_ORDINALS }),
  ),
  density: fc.constantFrom(0, 0.0001, 0.002, 0.03, 0.2, 0.6, 1),
  lowBits: fc.integer({ min: 0, max: 15 }),
  impactBits: fc.integer({ min: 0, max: 8 }),
  withSkips: fc.boolean(),
});

/** What a kernel says of a list: what is seen after adding it, or the error. */
function outcomeOf(kernel: WindowKernel, size: number, run: Parameters<typeof listOf>[0]): string {
  try {
    return describeAdding(kernel, size, [listOf(run)]);
  } catch (error) {
    kernel.reset();
    if (!isLzeroError(error, "page_corrupt")) throw error;
    return JSON.stringify((error as LzeroError).details);
  }
}

describe("the kernels", () => {
  it("agree on every width of fields", () => {
    for (const shape of allWidths()) {
      const lists = [makeRun(shape), makeRun({ ...shape, seed: shape.seed + 1000 })].map(listOf);
      const [expected, actual] = [plain, wasm].map((kernel) => describeAdding(kernel, shape.size, lists));
      if (actual !== expected) expect(actual, JSON.stringify(shape)).toBe(expected);
    }
  }, 60_000);

  it("agree on random runs", () => {
    fc.assert(
      fc.property(fc.array(shapeArbitrary, { minLength: 1, maxLength: 3 }), (shapes) => {
        const size = Math.max(...shapes.map((shape) => shape.size));
        const lists = shapes.map(makeRun).map(listOf);
        const [expected, actual] = [plain, wasm].map((kernel) => describeAdding(kernel, size, lists));
        expect(actual === expected).toBe(true);
      }),
      { numRuns: 150 },
    );
  }, 60_000);

  it("refuse alike a run whose ordinals pass the limit", () => {
    fc.assert(
      fc.property(shapeArbitrary, fc.double({ min: 0, max: 1, noNaN: true }), (shape, share) => {
        const size = Math.max(1, Math.floor(shape.size * share));
        const run = makeRun(shape);
        expect(outcomeOf(wasm, size, run)).toBe(outcomeOf(plain, size, run));
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  it("say the same of a run with any bit turned", () => {
    for (const lowBits of [0, 3, 6, 15]) {
      const shape = { seed: 5, size: 700, density: 0.1, lowBits, impactBits: 5, withSkips: true };
      const run = makeRun(shape);
      const bits = 8 * (run.view.byteLength - 4 - run.skipsAt);
      for (let bit = 0; bit < bits; bit++) {
        const damaged = damageRun(run, bit);
        expect(outcomeOf(wasm, shape.size, damaged)).toBe(outcomeOf(plain, shape.size, damaged));
      }
    }
  }, 60_000);

  it("refuse quotients that are all ones or all zeros, and a header that is not the run's", () => {
    const run = makeRun({ seed: 9, size: 60_000, density: 0.02, lowBits: 5, impactBits: 8, withSkips: true });
    for (const value of [0, 0xff]) {
      const bytes = new Uint8Array(run.view.buffer.slice(0)).fill(value, run.quotientsAt, run.fieldsAt);
      const damaged = { ...run, view: new DataView(bytes.buffer) };
      for (const kernel of [plain, wasm]) expect(outcomeOf(kernel, 60_000, damaged)).toContain("key");
    }
    const headers = [{ lowBits: 4 }, { lowBits: 0 }, { impactBits: 0 }, { count: run.count + 1 }];
    for (const change of [...headers, { count: run.count - 8 }, { quotients: run.quotients + 1 }]) {
      const damaged = { ...run, ...change };
      expect(outcomeOf(wasm, 60_000, damaged)).toBe(outcomeOf(plain, 60_000, damaged));
    }
  });

  it("write nothing but accumulators, candidates and scores, whatever a run says", () => {
    const kernel = openWasmKernel();
    const run = makeRun({ seed: 4, size: 3000, density: 0.2, lowBits: 2, impactBits: 5, withSkips: false });
    kernel.prepare(1000);
    const all = new Int32Array(kernel.accumulators.buffer, kernel.accumulators.byteOffset, WINDOW_ORDINALS);
    expect(() => kernel.add(listOf(run), 0, 1)).toThrowError("an ordinal");
    expect(all.subarray(0, 1000).some((sum) => sum > 0)).toBe(true);
    expect(all.subarray(1000).every((sum) => sum === 0)).toBe(true);
    expect(kernel.scores.every((score) => score === 0)).toBe(true);
    expect(kernel.candidates.every((ordinal) => ordinal === 0)).toBe(true);
  });

  it("refuse alike when they probe: a skip table that leads astray, quotients that are all zeros", () => {
    const run = makeRun({ seed: 9, size: 60_000, density: 0.2, lowBits: 2, impactBits: 5, withSkips: true });
    const probed = (kernel: WindowKernel, damaged: typeof run) => {
      kernel.prepare(60_000);
      kernel.candidates.set([5, 20_000, 20_001, 59_000]);
      kernel.scores.fill(0, 0, 4);
      const code = errorCodeOf(() => kernel.probe(listOf(damaged), 0, 3, 4));
      return code === "page_corrupt" ? code : `${code} ${kernel.scores.subarray(0, 4).join()}`;
    };
    const outcomes = new Set<string>();
    for (let bit = 0; bit < 32 * run.skips; bit++) {
      const damaged = damageRun(run, bit);
      outcomes.add(probed(plain, damaged));
      expect(probed(wasm, damaged)).toBe(probed(plain, damaged));
    }
    expect(outcomes.has("page_corrupt")).toBe(true);
    const zeros = new Uint8Array(run.view.buffer.slice(0)).fill(0, run.quotientsAt, run.fieldsAt);
    for (const kernel of [plain, wasm]) {
      expect(probed(kernel, { ...run, view: new DataView(zeros.buffer) })).toBe("page_corrupt");
    }
  });

  it("leave to the plain loops a run of more postings than a window has", () => {
    const run = makeRun({ seed: 4, size: 100, density: 1, lowBits: 15, impactBits: 8, withSkips: false });
    const view = new DataView(new ArrayBuffer(400_000));
    const damaged = { ...run, view, count: 100_000 };
    expect(outcomeOf(wasm, 100, damaged)).toBe(outcomeOf(plain, 100, damaged));
  });
});

describe("the compiled kernel", () => {
  it("has a memory that never grows and imports nothing", () => {
    const bytes = readFileSync(new URL("../../../../dist/kernel/window-loops.wasm", import.meta.url));
    const { WebAssembly } = globalThis as unknown as {
      WebAssembly: {
        Module: { new (bytes: Uint8Array): object; imports(compiled: object): unknown[] };
        Instance: new (compiled: object) => { exports: { memory: { grow(pages: number): number } } };
      };
    };
    const compiled = new WebAssembly.Module(bytes);
    expect(WebAssembly.Module.imports(compiled)).toEqual([]);
    expect(() => new WebAssembly.Instance(compiled).exports.memory.grow(1)).toThrow();
    expect(bytes.length).toBeLessThan(8 * 1024);
  });
});

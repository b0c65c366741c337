/// <reference path="../../../workers/wasm-modules.d.ts" />
/** The compiled kernel in workerd, where it is a module of the bundle, does what the plain one does. */
import { describe, expect, it } from "vitest";
import windowLoops from "../../../dist/kernel/window-loops.wasm";
import { WINDOW_ORDINALS } from "../../../shared/format/posting-list.ts";
import { exhaustive } from "../../../shared/query/exhaustive.ts";
import { createPlainKernel } from "../../../shared/query/kernel/plain-kernel.ts";
import { createWasmKernel } from "../../../shared/query/kernel/wasm-kernel.ts";
import { search } from "../../../shared/query/search.ts";
import { createWindowed } from "../../../shared/query/windowed.ts";
import { allWidths, damageRun, describeAdding, listOf, makeRun } from "../../support/kernel-cases.ts";
import { buildIndex, keepAnswersQuick } from "../../unit/shared/query/support.ts";
import { makeDocuments, makeQueries } from "../../unit/shared/query/zipf.ts";

const openKernel = () => createWasmKernel(new WebAssembly.Instance(windowLoops).exports);

describe("the kernels in workerd", () => {
  it("agree on every width of fields", () => {
    const kernels = [createPlainKernel(), openKernel()];
    for (const shape of allWidths()) {
      const lists = [listOf(makeRun(shape))];
      const [expected, actual] = kernels.map((kernel) => describeAdding(kernel, shape.size, lists));
      if (actual !== expected) expect(actual, JSON.stringify(shape)).toBe(expected);
    }
  });

  it("refuse a run whose quotients were turned, with a typed error", () => {
    const run = makeRun({ seed: 3, size: 900, density: 0.2, lowBits: 1, impactBits: 5, withSkips: false });
    for (const kernel of [createPlainKernel(), openKernel()]) {
      kernel.prepare(900);
      expect(() => kernel.add(listOf(damageRun(run, 1)), 0, 1)).toThrowError("the postings of a run");
    }
  });

  it("find what exhaustive scoring finds", async () => {
    const documents = makeDocuments(21, WINDOW_ORDINALS + 700, 200, 9);
    const index = buildIndex([{ documents, tombstones: [3, 500, WINDOW_ORDINALS] }]);
    keepAnswersQuick(index.reader);
    const windowed = createWindowed(openKernel());
    for (const query of makeQueries(22, 8, 200)) {
      const options = { k: 10, offset: 0 };
      const expected = await search(index.reader, index.manifest, query, {
        ...options,
        algorithm: exhaustive,
      });
      const actual = await search(index.reader, index.manifest, query, { ...options, algorithm: windowed });
      expect(actual.hits).toEqual(expected.hits);
    }
  });
});

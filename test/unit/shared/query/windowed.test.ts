/** Faster algorithms find what the exhaustive one finds: the same documents in the same order, to the bit. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openWasmKernel } from "../../../../batch/query/wasm-kernel.ts";
import { WINDOW_ORDINALS } from "../../../../shared/format/posting-list.ts";
import { exhaustive } from "../../../../shared/query/exhaustive.ts";
import { createPlainKernel } from "../../../../shared/query/kernel/plain-kernel.ts";
import type { QueryVector } from "../../../../shared/query/query-vector.ts";
import { search } from "../../../../shared/query/search.ts";
import { TopK } from "../../../../shared/query/top-k.ts";
import { createWindowed, scoreWindows } from "../../../../shared/query/windowed.ts";
import { damageRun, listOf, makeRun } from "../../../support/kernel-cases.ts";
import { randomOf } from "../../../support/random.ts";
import { errorCodeOf } from "../format/support.ts";
import { buildIndex, keepAnswersQuick, planArbitrary, queryArbitrary, queryOf } from "./support.ts";
import { makeDocuments, makeQueries } from "./zipf.ts";

/** One for all tests: a query must leave its buffers as it found them. */
const KERNELS = [createPlainKernel(), openWasmKernel()];
const ALGORITHMS = KERNELS.map(createWindowed);
const KS = [1, 10, 100, 1000, 200_000];

async function expectSame(index: ReturnType<typeof buildIndex>, query: QueryVector, ks = KS): Promise<void> {
  for (const k of ks) {
    const [expected, ...actual] = await Promise.all(
      [exhaustive, ...ALGORITHMS].map((algorithm) =>
        search(index.reader, index.manifest, query, { k, offset: 0, algorithm }),
      ),
    );
    const dump = ({ hits }: typeof expected & {}) =>
      hits
        .map(({ segmentId, ordinal, integerScore }) => `${segmentId} ${ordinal} ${integerScore}`)
        .join("\n");
    for (const result of actual) expect(dump(result)).toBe(dump(expected!));
    // Both kernels see the same and decide the same.
    expect(actual[1]!.stats).toEqual(actual[0]!.stats);
  }
}

describe("windowed", () => {
  it("equals exhaustive on small adversarial indexes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(planArbitrary, { maxLength: 4 }), queryArbitrary, async (plans, query) => {
        await expectSame(buildIndex(plans), query, [1, 10, 1000]);
      }),
      { numRuns: 40 },
    );
  });

  it("equals exhaustive over several windows and segments, with tombstones and ties", async () => {
    const large = makeDocuments(1, 2 * WINDOW_ORDINALS + 500, 400, 31);
    const small = makeDocuments(2, 3000, 400, 2);
    const random = randomOf(3);
    const tombstonesOf = (count: number) =>
      Array.from({ length: count }, (_, ordinal) => ordinal).filter(() => random() < 0.05);
    const index = buildIndex([
      { documents: small, tombstones: tombstonesOf(small.length), options: { inlineBytes: 0 } },
      { documents: large, tombstones: tombstonesOf(large.length) },
      { documents: [], tombstones: [] },
    ]);
    keepAnswersQuick(index.reader);
    for (const query of makeQueries(4, 25, 400)) await expectSame(index, query, [1, 10, 100, 1000]);
    await expectSame(index, makeQueries(5, 1, 400)[0]!, [200_000]);
  }, 60_000);

  it("equals exhaustive when only some documents are allowed", async () => {
    const documents = makeDocuments(7, WINDOW_ORDINALS + 4000, 300, 5);
    const random = randomOf(8);
    const pick = (share: number) => Array.from(documents.keys()).filter(() => random() < share);
    const index = buildIndex([{ documents, tombstones: pick(0.1) }]);
    keepAnswersQuick(index.reader);
    for (const share of [0, 0.0001, 0.01, 0.5, 1]) {
      const allowed = Uint32Array.from(pick(share));
      for (const query of makeQueries(9, 6, 300)) {
        const options = { k: 10, offset: 0, allowedIn: () => allowed };
        const expected = await search(index.reader, index.manifest, query, {
          ...options,
          algorithm: exhaustive,
        });
        const isAllowed = new Set(allowed);
        for (const algorithm of ALGORITHMS) {
          const actual = await search(index.reader, index.manifest, query, { ...options, algorithm });
          expect(actual.hits).toEqual(expected.hits);
          for (const { ordinal } of actual.hits) expect(isAllowed.has(ordinal)).toBe(true);
        }
      }
    }
  }, 60_000);

  it("decodes less than all postings once the threshold is high", async () => {
    const documents = makeDocuments(6, WINDOW_ORDINALS + 10, 300, 31);
    const index = buildIndex([{ documents, tombstones: [] }]);
    keepAnswersQuick(index.reader);
    // One rare term that decides, and common ones that cannot.
    const query = queryOf({ 250: 6000, 0: 20, 1: 20, 2: 20 });
    const options = { k: 10, offset: 0 };
    const full = await search(index.reader, index.manifest, query, { ...options, algorithm: exhaustive });
    for (const algorithm of ALGORITHMS) {
      const pruned = await search(index.reader, index.manifest, query, { ...options, algorithm });
      expect(pruned.hits).toEqual(full.hits);
      expect(pruned.stats.postings).toBeLessThan(full.stats.postings / 2);
    }
  });

  it.each(KERNELS)("leaves the $name kernel clear when a list is corrupt", (kernel) => {
    for (const density of [0.005, 0.3]) {
      const shape = { seed: 6, size: 9000, density, lowBits: 3, impactBits: 5, withSkips: true };
      const [run, other] = [makeRun(shape), makeRun({ ...shape, seed: 7 })];
      const damaged = damageRun(other, 8 * (other.quotientsAt - other.skipsAt) + other.count);
      const lists = [run, damaged].map((each) => ({ weight: 2, postings: listOf(each) }));
      const score = (which: typeof lists) => {
        const top = new TopK(10);
        scoreWindows(which, 9000, { tombstones: Uint32Array.of(5), allowed: null }, top, 0, kernel);
        return top.sorted();
      };
      const expected = score(lists.slice(0, 1));
      expect(expected).toHaveLength(10);
      expect(errorCodeOf(() => score(lists))).toBe("page_corrupt");
      expect(kernel.accumulators.every((sum) => sum === 0)).toBe(true);
      expect(score(lists.slice(0, 1))).toEqual(expected);
    }
  });
});

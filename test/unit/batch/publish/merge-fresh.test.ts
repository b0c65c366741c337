/** What merging leaves of an index, posting by posting, against an index that was built in one go. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EncodedDocument } from "../../../../batch/encoders/encoder.ts";
import { DEFAULT_MERGE_POLICY } from "../../../../batch/publish/merge-policy.ts";
import { Merger } from "../../../../batch/publish/merger.ts";
import { Publisher } from "../../../../batch/publish/publisher.ts";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { documentKey } from "../../../../shared/catalog/document-key.ts";
import { verifyIndex } from "../../../../shared/verify/verify-index.ts";
import { FAKE_VOCABULARY_SIZE, fakeBoundModel } from "../../../support/fake-encoder.ts";
import { LocalCatalog, TEST_SETTINGS } from "../../../support/local-catalog.ts";
import { readIndex } from "../../../support/read-index.ts";

const model = fakeBoundModel();
const SETTINGS = { ...TEST_SETTINGS, versions: "external" as const };
const DOCUMENTS = 30;

interface Write {
  readonly id: string;
  readonly version: number;
  readonly termIds: readonly number[];
  readonly weights: readonly number[];
}

/** An index over memory. */
class Index {
  readonly catalog = new LocalCatalog("demo", {}, SETTINGS);
  readonly store = new MemoryStore();
  readonly target = { index: "demo", catalog: this.catalog, store: this.store };

  async write(writes: readonly Write[]): Promise<void> {
    const documents = writes.map((write, position) => ({
      ingestId: "0".repeat(32),
      position,
      version: write.version,
      id: write.id,
      fields: { title: null, text: `${write.id} at ${write.version}`, url: null, metadata: null },
      vector: toVector(write),
    }));
    await new Publisher().publish(this.target, model, documents);
  }

  read() {
    return readIndex(this.store, this.catalog.catalog.manifest());
  }
}

function toVector({ termIds, weights }: Write): EncodedDocument {
  const own = Uint32Array.from(termIds.filter((_, at) => at % 2 === 0));
  return {
    termIds: Uint32Array.from(termIds),
    weights: Float32Array.from(weights),
    ownTermIds: own,
    tokenCount: termIds.length,
    truncated: false,
    unseenTokens: 0,
    cutByTopK: 0,
  };
}

const vector = fc
  .uniqueArray(fc.integer({ min: 5, max: FAKE_VOCABULARY_SIZE - 1 }), { minLength: 0, maxLength: 20 })
  .chain((ids) =>
    fc.record({
      termIds: fc.constant(ids.toSorted((a, b) => a - b)),
      weights: fc.array(fc.double({ min: 0.02, max: 5, noNaN: true }), {
        minLength: ids.length,
        maxLength: ids.length,
      }),
    }),
  );
/** Documents 0 and 1 turn up in most batches, so that most versions of them are dead. */
const number = fc.oneof(fc.constantFrom(0, 1), fc.integer({ min: 0, max: DOCUMENTS - 1 }));
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ write: fc.array(fc.tuple(number, vector), { minLength: 1, maxLength: 8 }) }),
  },
  { weight: 2, arbitrary: fc.record({ remove: number }) },
  { weight: 1, arbitrary: fc.constant({ put: true as const }) },
);

describe("an index after merges", () => {
  it("has the same documents, terms and impacts as one that was built in one go", async () => {
    let merges = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 12, maxLength: 30, size: "max" }), async (steps) => {
        const index = new Index();
        const expected = new Map<string, Write>();
        const policy = { ...DEFAULT_MERGE_POLICY, minDeadBytes: 1 };
        const merger = new Merger({ policy, missingPageDelaysMs: [] });
        for (const [at, one] of steps.entries()) {
          if ("put" in one) {
            await index.catalog.putManifest(index.store);
          } else if ("remove" in one) {
            const id = `d${one.remove}`;
            index.catalog.catalog.remove({ documents: [{ key: documentKey(id), version: at }] });
            expected.delete(id);
          } else {
            const writes = new Map(
              one.write.map(([of, made]) => [`d${of}`, { id: `d${of}`, version: at, ...made }]),
            );
            await index.write([...writes.values()]);
            for (const [id, write] of writes) expected.set(id, write);
          }
          if ((await merger.mergeOnce(index.target)) !== null) merges += 1;
        }
        // Down to one segment, as `lzero merge --max-segments 1` does.
        const all = new Merger({ policy: { ...policy, maxLive: 1 } });
        while ((await all.mergeOnce(index.target)) !== null) merges += 1;
        await index.catalog.putManifest(index.store);
        expect(index.catalog.catalog.status().segments.length).toBeLessThanOrEqual(1);

        const fresh = new Index();
        if (expected.size > 0) await fresh.write([...expected.values()]);
        expect(await index.read()).toEqual(await fresh.read());
        const report = await verifyIndex(index.store, index.catalog.catalog.manifest());
        expect(report.problems).toEqual([]);
      }),
      { numRuns: 30 },
    );
    expect(merges).toBeGreaterThan(60);
  });
});

import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { collectGarbage } from "../../../../batch/publish/collector.ts";
import { DEFAULT_MERGE_POLICY } from "../../../../batch/publish/merge-policy.ts";
import { Merger, type MergerOptions } from "../../../../batch/publish/merger.ts";
import { Publisher } from "../../../../batch/publish/publisher.ts";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { documentKey } from "../../../../shared/catalog/document-key.ts";
import {
  decodeSegmentPage,
  decodeSegmentRoot,
  decodeStoredDocument,
} from "../../../../shared/format/segment-reader.ts";
import { manifestKey, pageKey, tablesKey } from "../../../../shared/storage/keys.ts";
import { expectVerified } from "../../../support/expect-verified.ts";
import { encodeFake, fakeBoundModel } from "../../../support/fake-encoder.ts";
import { LocalCatalog } from "../../../support/local-catalog.ts";
import { keysOf, readIndex } from "../../../support/read-index.ts";

const model = fakeBoundModel();
/** Rewrites however little is dead. */
const REWRITING = { policy: { ...DEFAULT_MERGE_POLICY, minDeadBytes: 1 } };

function setUp() {
  const catalog = new LocalCatalog("demo", { generationRetentionMs: 0 });
  const store = new MemoryStore();
  const target = { index: "demo", catalog, store };
  onTestFinished(async () => void (await expectVerified(store, catalog.catalog.manifest())));
  const publisher = new Publisher();
  const add = async (documents: readonly { id: string; text: string }[]) => {
    const { ingestId, documents: queued } = catalog.accept(documents);
    await publisher.publish(
      target,
      model,
      queued.map(({ position, version, id, text }) => ({
        ingestId,
        position,
        version,
        id,
        fields: { title: null, text, url: null, metadata: null },
        vector: encodeFake(text),
      })),
    );
  };
  const remove = (id: string) =>
    catalog.catalog.remove({ documents: [{ key: documentKey(id), version: null }] });
  const merge = (options: MergerOptions = {}) =>
    new Merger({ missingPageDelaysMs: [1, 1], ...options }).mergeOnce(target);
  const read = () => readIndex(store, catalog.catalog.manifest());
  return { catalog, store, target, add, remove, merge, read };
}

async function addMany(add: (documents: { id: string; text: string }[]) => Promise<void>, segments: number) {
  for (let segment = 0; segment < segments; segment++) {
    await add([
      { id: `own${segment}`, text: `only in ${segment}` },
      { id: "shared", text: `version of segment ${segment}` },
    ]);
  }
}

async function openStored(store: MemoryStore, segmentId: string) {
  const key = (page: number) => pageKey("demo", segmentId, page);
  const root = decodeSegmentRoot((await store.read(key(0)))!, segmentId, key(0));
  const pages = await Promise.all(
    Array.from({ length: root.pages }, async (_, page) =>
      page === 0
        ? (root.inlinePayload ?? new Uint8Array(0))
        : decodeSegmentPage(root, (await store.read(key(page)))!, page),
    ),
  );
  return { root, pages };
}

describe("Merger", () => {
  it("leaves an index of eight segments alone", async () => {
    const { add, merge } = setUp();
    await addMany(add, 8);
    expect(await merge()).toBeNull();
  });

  it("merges a ninth away and leaves the documents as they were", async () => {
    const { catalog, store, add, merge, read } = setUp();
    await addMany(add, 9);
    await catalog.putManifest(store);
    const before = await read();
    const merged = await merge();
    expect(merged).toMatchObject({ live: 10, tombstoned: 0, documents: 10 });
    expect(catalog.catalog.status().segments.length).toBeLessThanOrEqual(8);
    expect(await read()).toEqual(before);
  });

  it("rewrites a segment of which more than 30 % is dead, once KV shows that it is", async () => {
    const { catalog, store, add, remove, merge, read } = setUp();
    await add(Array.from({ length: 10 }, (_, at) => ({ id: `a${at}`, text: `text ${at}` })));
    await add([{ id: "b", text: "other" }]);
    await catalog.putManifest(store);
    for (const id of ["a0", "a1", "a2"]) remove(id);
    await catalog.putManifest(store);
    expect(await merge(REWRITING)).toBeNull(); // 30 %
    remove("a3");
    expect(await merge(REWRITING)).toBeNull(); // 40 %, but KV knows of 30 %
    await catalog.putManifest(store);
    const before = await read();
    expect(await merge(REWRITING)).toMatchObject({ live: 6, tombstoned: 0, documents: 6 });
    expect(await read()).toEqual(before);
    expect(await merge(REWRITING)).toBeNull();
    expect(catalog.catalog.status().segments.map(({ tombstones }) => tombstones)).toEqual([0, 0]);
  });

  it("merges rightly without any manifest in KV: the commit buries what is dead", async () => {
    const { add, merge, read } = setUp();
    await addMany(add, 9);
    const before = await read();
    expect(await merge()).toMatchObject({ live: 10, tombstoned: 8 });
    expect(await read()).toEqual(before);
  });

  it("lets a document that changed meanwhile be born dead", async () => {
    const { catalog, store, add, remove, merge, read } = setUp();
    await addMany(add, 9);
    await catalog.putManifest(store);
    const merged = await merge({
      onStep: async (step) => {
        if (step !== "merged") return;
        await add([{ id: "own3", text: "rewritten while merging" }]);
        remove("own4");
      },
    });
    expect(merged).toMatchObject({ tombstoned: 2 });
    const found = await read();
    expect(found.find(({ id }) => id === "own3")?.text).toBe("rewritten while merging");
    expect(found.some(({ id }) => id === "own4")).toBe(false);
    expect(found).toHaveLength(9);
  });

  it("tells the catalog of documents where they lie when it clusters them", async () => {
    const { catalog, store, add, remove, merge, read } = setUp();
    const topics = ["walrus seal otter", "violin cello viola", "granite basalt slate"];
    for (let segment = 0; segment < 9; segment++) {
      await add(
        Array.from({ length: 30 }, (_, at) => ({
          id: `${segment}-${at}`,
          text: `${topics[at % 3]} ${segment * 30 + at}`,
        })),
      );
    }
    remove("3-7");
    await catalog.putManifest(store);
    const before = await read();
    const merged = await merge({ clusterFromDocuments: 50 });
    expect(merged).toMatchObject({ tombstoned: 0 });
    expect(await read()).toEqual(before);
    const { root, pages } = await openStored(store, merged!.segmentId);
    const asTheyCame = before.slice().sort((a, b) => a.version - b.version);
    const ordinals = asTheyCame.flatMap(({ id }) => {
      const { segmentId, ordinal } = catalog.catalog.lookup(documentKey(id))!;
      if (segmentId !== merged!.segmentId) return [];
      const { page } = root.documentPageOf(ordinal);
      expect(decodeStoredDocument(root, pages[page]!, ordinal).id).toBe(id);
      return ordinal;
    });
    expect(ordinals.length).toBeGreaterThan(50);
    expect(ordinals).not.toEqual(ordinals.slice().sort((a, b) => a - b));
  });

  it("gives way to another merge", async () => {
    const { catalog, store, add, merge, read } = setUp();
    await addMany(add, 9);
    await catalog.putManifest(store);
    const before = await read();
    const merged = await merge({
      onStep: async (step) => {
        if (step === "merged") expect(await merge()).not.toBeNull();
      },
    });
    expect(merged).toBeNull();
    expect(await read()).toEqual(before);
  });

  it("waits for a page that KV does not show yet, and names one that never comes", async () => {
    const { catalog, store, target, add, read } = setUp();
    await addMany(add, 9);
    const { segmentId } = catalog.catalog.status().segments[0]!;
    const missing = pageKey("demo", segmentId, 0);
    const hidden = (times: number) => {
      let left = times;
      return {
        ...target,
        store: {
          write: (entries: Parameters<MemoryStore["write"]>[0]) => store.write(entries),
          delete: (keys: readonly string[]) => store.delete(keys),
          read: async (key: string) => (key === missing && left-- > 0 ? null : store.read(key)),
        },
      };
    };
    const merger = new Merger({ missingPageDelaysMs: [1, 1] });
    const before = await read();
    await expect(merger.mergeOnce(hidden(3))).rejects.toMatchObject({
      code: "page_missing",
      details: { key: missing },
    });
    expect(await merger.mergeOnce(hidden(2))).not.toBeNull();
    expect(await read()).toEqual(before);
  });

  const STEPS = ["merge-read", "merged", "staged", "pages", "located:0", "committed"];

  it.each(STEPS)(
    "changes no document when the process dies after %s, and leaves no page behind",
    async (step) => {
      const { catalog, store, target, add, merge, read } = setUp();
      await addMany(add, 9);
      await catalog.putManifest(store);
      const before = await read();
      const kill = (name: string) => {
        if (name === step) throw new Error("killed");
      };
      await expect(merge({ onStep: kill })).rejects.toThrow("killed");
      expect(await read()).toEqual(before);
      await merge();
      expect(await read()).toEqual(before);
      catalog.nowMs += 60 * 60_000;
      await catalog.putManifest(store);
      await collectGarbage(target, { graceMs: 0 });
      const expected = [
        ...keysOf(catalog.catalog.manifest()),
        manifestKey("demo"),
        tablesKey(model.binding.tables),
      ];
      expect(store.keys()).toEqual(expected.sort());
    },
  );

  it("leaves the set of documents unchanged under any writes, deletions and merges", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            {
              weight: 5,
              arbitrary: fc.record({
                add: fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 1, maxLength: 4 }),
              }),
            },
            { weight: 1, arbitrary: fc.record({ remove: fc.integer({ min: 0, max: 15 }) }) },
            { weight: 1, arbitrary: fc.constant("put" as const) },
          ),
          { minLength: 9, maxLength: 40 },
        ),
        fc.constantFrom(0, undefined),
        async (steps, clusterFromDocuments) => {
          const { catalog, store, add, remove, merge, read } = setUp();
          const expected = new Map<string, string>();
          for (const [at, step] of steps.entries()) {
            if (step === "put") {
              await catalog.putManifest(store);
            } else if ("remove" in step) {
              remove(`${step.remove}`);
              expected.delete(`${step.remove}`);
            } else {
              const documents = step.add.map((id, place) => ({ id: `${id}`, text: `text ${at} ${place}` }));
              await add(documents);
              for (const { id, text } of documents) expected.set(id, text);
            }
            await merge(clusterFromDocuments === undefined ? {} : { clusterFromDocuments });
            expect(catalog.catalog.status().segments.length).toBeLessThanOrEqual(8);
          }
          const found = await read();
          expect(found.map(({ id, text }) => [id, text])).toEqual(
            [...expected].sort(([a], [b]) => (a < b ? -1 : 1)),
          );
          for (const { text, terms } of found) {
            expect(terms.map(([termId]) => termId)).toEqual([...encodeFake(text).termIds]);
          }
        },
      ),
      { numRuns: 40 },
    ));
});

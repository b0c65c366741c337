/** `lzero merge` and `lzero collect` against the pure catalog and a store in memory. */
import { beforeEach, describe, expect, it } from "vitest";
import { type CollectOptions, runCollect } from "../../../../batch/commands/collect.ts";
import type { HistoryPorts } from "../../../../batch/commands/history-ports.ts";
import { type MergeOptions, runMerge } from "../../../../batch/commands/merge.ts";
import { Publisher } from "../../../../batch/publish/publisher.ts";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { manifestKey, tablesKey } from "../../../../shared/storage/keys.ts";
import { encodeFake, fakeBoundModel } from "../../../support/fake-encoder.ts";
import { LocalCatalog } from "../../../support/local-catalog.ts";
import { keysOf, readIndex } from "../../../support/read-index.ts";

const model = fakeBoundModel();
const TARGET = { index: "demo", state: "none" };
const HOUR_MS = 60 * 60_000;

describe("lzero merge and lzero collect", () => {
  let catalog: LocalCatalog;
  let store: MemoryStore;
  let printed: string[];
  let ports: HistoryPorts;
  beforeEach(() => {
    catalog = new LocalCatalog("demo");
    store = new MemoryStore();
    printed = [];
    ports = {
      openCatalog: async () => catalog,
      openStore: async () => store,
      openQueues: async () => {
        throw new Error("no queue is needed");
      },
      print: (text) => printed.push(text),
      confirm: null,
      now: () => catalog.nowMs,
    };
  });

  async function addSegments(count: number): Promise<void> {
    for (let at = 0; at < count; at++) {
      const { ingestId, documents } = catalog.accept([
        { id: `own${at}`, text: `only in ${at}` },
        { id: "shared", text: `version ${at}` },
      ]);
      await new Publisher().publish(
        { index: "demo", catalog, store },
        model,
        documents.map(({ position, version, id, text }) => ({
          ingestId,
          position,
          version,
          id,
          fields: { title: null, text, url: null, metadata: null },
          vector: encodeFake(text),
        })),
      );
    }
    await catalog.putManifest(store);
  }

  const merge = (options: Partial<MergeOptions> = {}) =>
    runMerge({ ...TARGET, maxSegments: 8, ...options }, ports);
  const collect = (options: Partial<CollectOptions> = {}) =>
    runCollect({ ...TARGET, graceMinutes: 10, ...options }, ports);
  const read = () => readIndex(store, catalog.catalog.manifest());
  const segments = () => catalog.catalog.status().segments.length;

  it("says what it would merge, and changes nothing", async () => {
    await addSegments(10);
    const before = catalog.catalog.status();
    await merge({ dryRun: true });
    expect(printed[0]).toMatch(/^10 segments of [\d,]+ bytes would become one first\.$/m);
    expect(printed[0]!.match(/merged$/gm)).toHaveLength(10);
    expect(printed[0]).toContain("50 %");
    expect(catalog.catalog.status()).toEqual(before);
  });

  it("merges until there is nothing left to merge", async () => {
    await addSegments(10);
    const before = await read();
    await merge();
    expect(printed.at(-1)).toBe("demo: 1 segment, 11 documents.");
    expect(printed[0]).toMatch(/^10 segments became one of 11 documents and [\d,]+ bytes, generation 11\.$/);
    expect(await read()).toEqual(before);
    printed.length = 0;
    await merge();
    expect(printed[0]).toBe("There is nothing to merge: 1 segment, none with too many dead documents.");
  });

  it("goes down to as many as it is told", async () => {
    await addSegments(4);
    const before = await read();
    await merge();
    expect(printed).toEqual([
      "There is nothing to merge: 4 segments, none with too many dead documents.",
      "demo: 4 segments, 5 documents.",
    ]);
    await merge({ maxSegments: 1, dryRun: true });
    expect(segments()).toBe(4);
    await merge({ maxSegments: 3 });
    expect(segments()).toBeLessThanOrEqual(3);
    await merge({ maxSegments: 1 });
    expect(segments()).toBe(1);
    expect(await read()).toEqual(before);
  });

  it("collects what no kept generation needs, and says what keeps the rest", async () => {
    await addSegments(9);
    await merge({ maxSegments: 1 });
    await catalog.putManifest(store);
    printed.length = 0;
    await collect({ dryRun: true });
    expect(printed[0]!.match(/merged, emptied or rolled back .* generation \d+$/gm)).toHaveLength(9);
    expect(printed[0]).toContain("A generation is kept for 60 minutes");
    expect(printed[1]).toBe("0 pages of 0 segments would be deleted.");

    catalog.nowMs += HOUR_MS;
    await collect({ dryRun: true, graceMinutes: 90 });
    expect(printed.at(-2)).toMatch(/the grace period, for \d+ min$/m);
    const keys = store.keys();
    await collect({ dryRun: true });
    expect(printed.at(-1)).toBe("9 pages of 9 segments would be deleted.");
    expect(store.keys()).toEqual(keys);
    await collect();
    expect(printed.at(-1)).toBe("9 pages of 9 segments were deleted.");
    const manifest = catalog.catalog.manifest();
    expect(store.keys()).toEqual(
      [...keysOf(manifest), manifestKey("demo"), tablesKey(model.binding.tables)].sort(),
    );
    await collect({ json: true });
    expect(JSON.parse(printed.at(-1)!)).toEqual({
      index: "demo",
      dryRun: false,
      segments: [],
      deleted: { segments: 0, pages: 0 },
    });
  });

  it("leaves the pages of a pinned generation", async () => {
    await addSegments(9);
    const pinned = catalog.catalog.status().generation;
    catalog.catalog.pin({ generation: pinned, pinned: true });
    await merge({ maxSegments: 1 });
    catalog.nowMs += 5 * HOUR_MS;
    await collect({ graceMinutes: 0 });
    expect(printed.at(-1)).toBe("0 pages of 0 segments were deleted.");
    expect(await readIndex(store, catalog.catalog.manifest(pinned))).toEqual(await read());
    catalog.catalog.pin({ generation: pinned, pinned: false });
    await collect({ graceMinutes: 0 });
    expect(printed.at(-1)).toBe("9 pages of 9 segments were deleted.");
  });
});

/** The merger with less memory than it needs: the same index as ever, and nothing left in the scratch folder. */
import { describe, expect, it } from "vitest";
import { doMerge } from "../../../../batch/publish/merge-job.ts";
import { DEFAULT_MERGE_POLICY } from "../../../../batch/publish/merge-policy.ts";
import { Merger, type MergerOptions } from "../../../../batch/publish/merger.ts";
import { Publisher } from "../../../../batch/publish/publisher.ts";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { LzeroError } from "../../../../shared/errors.ts";
import { pageKey } from "../../../../shared/storage/keys.ts";
import { expectVerified } from "../../../support/expect-verified.ts";
import { encodeFake, fakeBoundModel } from "../../../support/fake-encoder.ts";
import { LocalCatalog } from "../../../support/local-catalog.ts";
import { readIndex } from "../../../support/read-index.ts";
import { listFolder, makeFolder, smallDisk } from "./scratch-support.ts";

const model = fakeBoundModel();
const policy = { ...DEFAULT_MERGE_POLICY, maxLive: 1 };
const NEW_ID = "f".repeat(32);

/** An index of three segments, some documents of which are dead. */
async function makeIndex() {
  const catalog = new LocalCatalog("demo");
  const store = new MemoryStore();
  const target = { index: "demo", catalog, store };
  for (let segment = 0; segment < 3; segment++) {
    const { ingestId, documents } = catalog.accept(
      Array.from({ length: 60 }, (_, at) => ({
        id: `${(segment * 50 + at) % 120}`,
        text: `${["walrus seal", "violin cello"][at % 2]} number ${segment} ${at}`,
      })),
    );
    await new Publisher().publish(
      target,
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
  const merge = (options: MergerOptions) =>
    new Merger({ policy, newSegmentId: () => NEW_ID, clusterFromDocuments: 1, ...options }).mergeOnce(target);
  return { catalog, store, merge, read: () => readIndex(store, catalog.catalog.manifest()) };
}

const LITTLE = { memoryBytes: 1 };
const STEPS = ["merge-read", "merged", "staged", "pages", "located:0", "committed"];

describe("a merge with little memory", () => {
  it("leaves the same pages as one with enough, and no file", async () => {
    const pages: Uint8Array[] = [];
    for (const memoryBytes of [1, 2 ** 40]) {
      const { catalog, store, merge, read } = await makeIndex();
      const scratchParent = makeFolder();
      const seen: string[][] = [];
      const before = await read();
      const onStep = (step: string) => {
        if (step === "merged")
          seen.push(...listFolder(scratchParent).map((name) => listFolder(`${scratchParent}/${name}`)));
      };
      await expect(merge({ memoryBytes, scratchParent, onStep })).resolves.toMatchObject({ tombstoned: 0 });
      expect(seen).toEqual(
        memoryBytes === 1 ? [["documents", "input-0", "input-1", "input-2", "pages"]] : [],
      );
      expect(listFolder(scratchParent)).toEqual([]);
      expect(await read()).toEqual(before);
      await catalog.putManifest(store);
      await expectVerified(store, catalog.catalog.manifest());
      pages.push((await store.read(pageKey("demo", NEW_ID, 0)))!);
    }
    expect(pages[0]).toEqual(pages[1]);
  });

  it("reads every page once from the store", async () => {
    const { catalog, store, merge } = await makeIndex();
    const reads: string[] = [];
    const read = store.read.bind(store);
    store.read = (key) => {
      reads.push(key);
      return read(key);
    };
    const pages = catalog.catalog.status().segments.reduce((sum, segment) => sum + segment.pages, 0);
    await merge({ ...LITTLE, scratchParent: makeFolder() });
    expect(reads).toHaveLength(pages + 1);
    expect(new Set(reads).size).toBe(pages + 1);
  });

  it.each(STEPS)("leaves no file when it ends after %s", async (step) => {
    const { merge, read } = await makeIndex();
    const scratchParent = makeFolder();
    const before = await read();
    const onStep = (name: string) => {
      if (name === step) throw new Error("killed");
    };
    await expect(merge({ ...LITTLE, scratchParent, onStep })).rejects.toThrow("killed");
    expect(listFolder(scratchParent)).toEqual([]);
    expect(await read()).toEqual(before);
  });

  it("leaves no file and commits nothing when a read, a thread or a write fails", async () => {
    const failure = new LzeroError("storage_read_failed", "no", {});
    const cases: [string, (index: Awaited<ReturnType<typeof makeIndex>>) => MergerOptions][] = [
      ["storage_read_failed", ({ store }) => failing(store, "read", failure)],
      ["storage_read_failed", ({ store }) => failing(store, "write", failure)],
      [
        "merge_failed",
        () => ({ mergeLarge: async () => Promise.reject(new LzeroError("merge_failed", "no")) }),
      ],
      ["scratch_full", () => ({ mergeLarge: async (job) => doMerge(job, smallDisk(100)) })],
    ];
    for (const [code, breakIt] of cases) {
      const index = await makeIndex();
      const scratchParent = makeFolder();
      const before = index.catalog.catalog.status();
      const options = breakIt(index);
      await expect(index.merge({ ...LITTLE, scratchParent, ...options })).rejects.toMatchObject({ code });
      expect(listFolder(scratchParent)).toEqual([]);
      expect(index.catalog.catalog.status().segments).toEqual(before.segments);
      expect(index.catalog.catalog.status().generation).toBe(before.generation);
    }
  });

  it("names the folder in which no scratch folder can be made", async () => {
    const { merge } = await makeIndex();
    const scratchParent = `${makeFolder()}/absent`;
    await expect(merge({ ...LITTLE, scratchParent })).rejects.toMatchObject({
      code: "scratch_failed",
      details: { folder: scratchParent },
    });
  });
});

/** Fails from the second call on, so that something is in the scratch folder. */
function failing(store: MemoryStore, method: "read" | "write", error: Error): MergerOptions {
  let calls = 0;
  const original = store[method].bind(store) as (argument: never) => Promise<never>;
  const limit = method === "read" ? 2 : 0;
  store[method] = (async (argument: never) => {
    if (++calls > limit) throw error;
    return original(argument);
  }) as never;
  return {};
}

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runVerify } from "../../../../batch/commands/verify.ts";
import { FileStore } from "../../../../batch/storage/file-store.ts";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { encodeManifest } from "../../../../shared/format/manifest.ts";
import { encodeSegment } from "../../../../shared/format/segment-writer.ts";
import { manifestKey, pageKey } from "../../../../shared/storage/keys.ts";
import type { PageReader, PageStore } from "../../../../shared/storage/page-store.ts";
import {
  INDEX,
  makeDocuments,
  manifestEntry,
  SEGMENTS,
  storeIndex,
  wholeIndex,
  writeManifest,
} from "../../shared/verify/support.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lzero-verify-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** A whole index with its manifest, copied into a store. */
async function fill(store: PageStore): Promise<void> {
  const index = await wholeIndex();
  await writeManifest(index);
  for (const key of index.store.keys()) {
    await store.write([{ key, value: (await index.store.read(key))! }]);
  }
}

async function verify(reader: PageReader, json = false): Promise<{ exitCode: number; text: string }> {
  const printed: string[] = [];
  const exitCode = await runVerify(
    { index: INDEX, state: ".lzero", json },
    {
      openReader: async () => reader,
      print: (text) => printed.push(text),
      openCatalog: async () => {
        throw new Error("the catalog is not needed");
      },
    },
  );
  return { exitCode, text: printed.join("\n") };
}

const stores: readonly [string, () => PageStore][] = [
  ["memory", () => new MemoryStore()],
  ["files", () => new FileStore(folder)],
];

for (const [name, open] of stores) {
  describe(`lzero verify over ${name}`, () => {
    it("says that a whole index is whole, and exits with 0", async () => {
      const store = open();
      await fill(store);
      const { exitCode, text } = await verify(store);
      expect(exitCode).toBe(0);
      expect(text).toContain("demo, generation 7");
      expect(text).toMatch(/documents +8\n +tombstones +1\n +postings +21\n/);
      expect(text).toContain("Whole");
    });

    it("lists problems with their keys and what to do, and exits with 1", async () => {
      const store = open();
      await fill(store);
      const key = pageKey(INDEX, SEGMENTS[0], 2);
      const gone = pageKey(INDEX, SEGMENTS[0], 4);
      await store.write([{ key, value: (await store.read(key))!.with(40, 0) }]);
      await store.delete([gone]);
      const { exitCode, text } = await verify(store);
      expect(exitCode).toBe(1);
      expect(text).toContain("2 problems:");
      expect(text).toContain(`page_corrupt  ${key} is corrupt at byte 32`);
      expect(text).toContain(`page_missing  ${gone} is not there`);
      expect(text).toMatch(
        /What to do:\n {2}page_corrupt: .*lzero ingest.*\n {2}page_missing: KV may take a minute/,
      );

      const { exitCode: jsonExitCode, text: json } = await verify(store, true);
      expect(jsonExitCode).toBe(1);
      expect(JSON.parse(json)).toMatchObject({
        index: INDEX,
        generation: 7,
        problemCount: 2,
        problems: [
          { code: "page_corrupt", key, details: { key, offset: 32 } },
          { code: "page_missing", key: gone, details: { key: gone } },
        ],
      });
    });
  });
}

describe("lzero verify", () => {
  it("names a manifest that cannot be read", async () => {
    const store = new MemoryStore();
    await fill(store);
    const key = manifestKey(INDEX);
    await store.write([{ key, value: (await store.read(key))!.slice(0, 100) }]);
    const { exitCode, text } = await verify(store, true);
    expect(exitCode).toBe(1);
    expect(JSON.parse(text)).toMatchObject({ generation: null, problems: [{ code: "page_truncated", key }] });
  });

  it("says for each kind of value how to make it good", async () => {
    const store = new MemoryStore();
    await fill(store);
    const tables = store.keys().find((key) => key.startsWith("_tables/"))!;
    const page = pageKey(INDEX, SEGMENTS[0], 0);
    await store.delete([tables]);
    await store.write([{ key: page, value: (await store.read(page))!.with(4, 3) }]);
    const { text } = await verify(store);
    expect(text).toMatch(/page_missing: .*every run stores the model's query tables/);
    expect(text).toMatch(/page_version_newer: .*update this one/);
    const key = manifestKey(INDEX);
    await store.write([{ key, value: (await store.read(key))!.with(60, 0) }]);
    expect((await verify(store)).text).toMatch(/page_corrupt: .*the catalog writes the manifest/);
  });

  it("throws index_not_found for an index that is not there", async () => {
    await expect(verify(new MemoryStore())).rejects.toMatchObject({ code: "index_not_found" });
  });

  it("shows fifty problems and counts the rest", async () => {
    const { store, manifest, tables } = await storeIndex([
      {
        segment: encodeSegment(
          SEGMENTS[0],
          Array.from({ length: 61 }, () => makeDocuments("a", 1)[0]!),
        ),
      },
    ]);
    await writeManifest({ store, manifest, tables });
    const { text } = await verify(store);
    expect(text.match(/ document_duplicate {2}demo/g)).toHaveLength(50);
    expect(text).toContain("and 10 more (--json)");
    expect(text).toContain("document_duplicate: This should never have been written");
  });

  it("verifies the next generation when the pages of the first are collected meanwhile", async () => {
    const { store, manifest, tables } = await storeIndex([
      { segment: encodeSegment(SEGMENTS[0], makeDocuments("a", 2)) },
    ]);
    await writeManifest({ store, manifest, tables });
    const merged = encodeSegment(SEGMENTS[1], makeDocuments("a", 2));
    const next = { ...manifest, generation: 8, segments: [manifestEntry(merged)] };
    // Between the manifest and the first page, a merge takes the segment's place and its pages are deleted.
    const reader: PageReader = {
      read: async (key) => {
        if (key === pageKey(INDEX, SEGMENTS[0], 0)) {
          await store.delete([key]);
          await store.write([
            { key: pageKey(INDEX, SEGMENTS[1], 0), value: merged.pages[0]! },
            { key: manifestKey(INDEX), value: encodeManifest(next) },
          ]);
        }
        return store.read(key);
      },
    };
    const { exitCode, text } = await verify(reader, true);
    expect(JSON.parse(text)).toMatchObject({ generation: 8, problems: [] });
    expect(exitCode).toBe(0);
  });
});

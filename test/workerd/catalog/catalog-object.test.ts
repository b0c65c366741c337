import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type { IndexSettings, LocatedDocument, ModelBinding } from "../../../shared/catalog/commands.ts";
import { documentKey } from "../../../shared/catalog/document-key.ts";
import type { Manifest } from "../../../shared/format/manifest.ts";
import { decodeManifest } from "../../../shared/format/manifest.ts";
import { manifestKey } from "../../../shared/storage/keys.ts";
import { catalogOf } from "../../../workers/catalog-client.ts";
import type { Env } from "../../../workers/env.ts";

const bindings = env as unknown as Env;
const { CATALOG, INDEX } = bindings;

const SETTINGS: IndexSettings = {
  encoder: "bm25",
  versions: "external",
  encodedFields: ["text"],
  idf: "blend",
  averageLength: null,
};
const MODEL: ModelBinding = {
  fingerprint: "a".repeat(32),
  tables: "b".repeat(32),
  maxWeight: 3,
  impactBits: 8,
  averageLength: null,
};

function segmentId(number: number): string {
  return number.toString(16).padStart(32, "0");
}

function documents(count: number, version = 1, prefix = "d"): LocatedDocument[] {
  return Array.from({ length: count }, (_, i) => [documentKey(`${prefix}${i}`), version, null, null]);
}

async function publish(index: string, segment: number, located: readonly LocatedDocument[]) {
  const catalog = catalogOf(bindings, index);
  const description = { checksum: "00c0ffee", pages: 1, documents: located.length, sizeBytes: 10 };
  await catalog.stage({ segmentId: segmentId(segment), model: MODEL, ...description, replaces: [] });
  for (let firstOrdinal = 0; firstOrdinal < located.length; firstOrdinal += 5000) {
    const chunk = located.slice(firstOrdinal, firstOrdinal + 5000);
    await catalog.locate({ segmentId: segmentId(segment), firstOrdinal, documents: chunk });
  }
  return catalog.commit({ segmentId: segmentId(segment) });
}

async function readManifest(index: string): Promise<Manifest | null> {
  const value = await INDEX.get(manifestKey(index), "arrayBuffer");
  return value === null ? null : decodeManifest(new Uint8Array(value), index, manifestKey(index));
}

/** Waits until KV shows a generation; the object's own alarm must put it. */
function expectPublished(index: string, generation: number): Promise<void> {
  const shown = async () => expect((await readManifest(index))?.generation).toBe(generation);
  return vi.waitFor(shown, { timeout: 8000, interval: 50 });
}

describe("CatalogObject", () => {
  it("answers commands and gives errors back with code and details", async () => {
    const catalog = catalogOf(bindings, "errors");
    await expect(catalog.status()).rejects.toMatchObject({
      name: "LzeroError",
      code: "index_not_found",
      details: { index: "errors" },
    });
    expect(await catalog.create(SETTINGS)).toEqual({ created: true });
    await expect(catalog.create({ ...SETTINGS, encoder: "onnx" })).rejects.toMatchObject({
      code: "index_conflict",
    });
    const request = { ingestId: segmentId(1), positions: 2, rejected: [], digest: "d" };
    expect(await catalog.accept(request)).toMatchObject({ firstVersion: 0, pending: [0, 1] });
    expect((await catalog.ingestStatus(segmentId(1))).counts.pending).toBe(2);
    expect(await catalog.lookup(documentKey("x"))).toBeNull();
  });

  it("leaves nothing behind when an index is asked for that was never made", async () => {
    const catalog = catalogOf(bindings, "probe");
    const commands = [
      () => catalog.status(),
      () => catalog.manifest(),
      () => catalog.commit({ segmentId: segmentId(1) }),
    ];
    for (const command of commands)
      await expect(command()).rejects.toMatchObject({ code: "index_not_found" });
    await runInDurableObject(CATALOG.get(CATALOG.idFromName("probe")), async (_, { storage }) => {
      const rows = storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '_cf_%'").toArray();
      expect(rows).toEqual([]);
      expect(await storage.getAlarm()).toBeNull();
    });
  });

  it("puts the manifest to KV by its alarm after create, commit and remove", async () => {
    const catalog = catalogOf(bindings, "puts");
    await catalog.create(SETTINGS);
    await expectPublished("puts", 0);
    expect((await readManifest("puts"))!.segments).toEqual([]);
    await publish("puts", 1, documents(3));
    await expectPublished("puts", 1);
    await catalog.remove({ documents: [{ key: documentKey("d1"), version: 2 }] });
    await expectPublished("puts", 2);
    const manifest = (await readManifest("puts"))!;
    expect(manifest).toEqual(decodeManifest(await catalog.manifest(), "puts", "catalog"));
    expect([...manifest.segments[0]!.tombstones]).toEqual([1]);
    await vi.waitFor(async () => expect((await catalog.status()).publishedGeneration).toBe(2));
  });

  it("puts again after a put that failed, and needs no further command for it", async () => {
    const stub = CATALOG.get(CATALOG.idFromName("retries"));
    const catalog = catalogOf(bindings, "retries");
    let failures = 0;
    await runInDurableObject(stub, (object) => {
      const failing = {
        put: async (key: string, value: ArrayBufferView) => {
          if (failures++ < 2) throw new Error("KV PUT failed: 429 Too Many Requests");
          await INDEX.put(key, value);
        },
      };
      Object.defineProperty(object, "env", { value: { ...bindings, INDEX: failing } });
    });
    const errors = vi.spyOn(console, "error").mockImplementation(() => {});
    const startMs = Date.now();
    await catalog.create(SETTINGS);
    await expectPublished("retries", 0);
    expect(failures).toBe(3);
    expect(Date.now() - startMs).toBeGreaterThanOrEqual(3000 - 50); // pauses of 1 and 2 seconds
    expect(errors).toHaveBeenCalledTimes(2);
    expect(String(errors.mock.calls[0]![0])).toContain("manifest_put_failed");
    errors.mockRestore();
    await vi.waitFor(async () => expect((await catalog.status()).publishedGeneration).toBe(0));
  }, 20_000);

  it("goes on after the object was thrown out of memory with a put still due", async () => {
    await catalogOf(bindings, "restarts").create(SETTINGS);
    await expectPublished("restarts", 0);
    await publish("restarts", 1, documents(1)); // due a second after the last put
    await abortAllDurableObjects();
    expect((await catalogOf(bindings, "restarts").status()).generation).toBe(1);
    await expectPublished("restarts", 1);
  });

  it("keeps indexes apart", async () => {
    const [left, right] = ["left", "right"] as const;
    for (const index of [left, right]) await catalogOf(bindings, index).create(SETTINGS);
    await publish(left, 1, documents(2));
    await publish(right, 1, documents(1, 7));
    expect((await catalogOf(bindings, left).status()).documents).toBe(2);
    expect((await catalogOf(bindings, right).lookup(documentKey("d0")))?.version).toBe(7);
    expect(await catalogOf(bindings, right).lookup(documentKey("d1"))).toBeNull();
    await expectPublished(left, 1);
    await expectPublished(right, 1);
    expect((await readManifest(left))!.segments[0]!.documents).toBe(2);
  });

  it("commits 10,000 documents, new ones and overwriting ones", async () => {
    const catalog = catalogOf(bindings, "large");
    await catalog.create(SETTINGS);
    const figures: Record<string, number> = {};
    for (const [name, segment, version] of [
      ["new", 1, 1],
      ["overwriting", 2, 2],
    ] as const) {
      const located = documents(10_000, version);
      const request = { segmentId: segmentId(segment) };
      await catalog.stage({
        ...request,
        model: MODEL,
        checksum: "0",
        pages: 9,
        documents: 10_000,
        sizeBytes: 1,
        replaces: [],
      });
      const locateMs = Date.now();
      for (const firstOrdinal of [0, 5000]) {
        const chunk = located.slice(firstOrdinal, firstOrdinal + 5000);
        await catalog.locate({ ...request, firstOrdinal, documents: chunk });
      }
      const commitMs = Date.now();
      expect(await catalog.commit(request)).toEqual({ generation: segment, live: 10_000, tombstoned: 0 });
      figures[`${name}: locate ms`] = commitMs - locateMs;
      figures[`${name}: commit ms`] = Date.now() - commitMs;
    }
    console.log(figures);
    expect((await catalog.status()).documents).toBe(10_000);
  });
});

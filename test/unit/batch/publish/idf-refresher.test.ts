import { describe, expect, it } from "vitest";
import { refreshIdf } from "../../../../batch/publish/idf-refresher.ts";
import { bindModel } from "../../../../batch/publish/publish-target.ts";
import { Publisher } from "../../../../batch/publish/publisher.ts";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { decodeQueryTables } from "../../../../shared/format/query-tables.ts";
import { idfTable } from "../../../../shared/model/idf.ts";
import { tablesKey } from "../../../../shared/storage/keys.ts";
import { FakeEncoder } from "../../../support/fake-encoder.ts";
import { LocalCatalog, TEST_SETTINGS } from "../../../support/local-catalog.ts";

describe("refreshIdf", () => {
  const encoder = new FakeEncoder();
  const size = encoder.manifest.vocabularySize;
  const lines = Array.from({ length: size }, (_, id) => `t${id}`);
  const idf = Float32Array.from({ length: size }, (_, id) => 1 + id / size);
  const bound = bindModel(encoder.manifest, new TextEncoder().encode(`${lines.join("\n")}\n`), idf);

  async function publish(catalog: LocalCatalog, store: MemoryStore, count: number, from = 0) {
    const documents = Array.from({ length: count }, (_, i) => ({
      id: `d${from + i}`,
      text: `word${i % 3} all`,
    }));
    const message = catalog.accept(documents);
    const vectors = await encoder.encode(documents.map(({ text }) => text));
    await new Publisher().publish(
      { index: catalog.index, catalog, store },
      bound,
      message.documents.map((document, at) => {
        const vector = vectors[at]!;
        if (vector instanceof Error) throw vector;
        const fields = { title: null, text: document.text, url: null, metadata: null };
        return { ...document, ingestId: message.ingestId, fields, vector };
      }),
    );
    return vectors;
  }

  async function tablesInUse(catalog: LocalCatalog, store: MemoryStore) {
    const fingerprint = catalog.catalog.manifest().model!.tables;
    const key = tablesKey(fingerprint);
    return decodeQueryTables((await store.read(key))!, fingerprint, key);
  }

  it("publishes the blend of the documents that are there, and once more only after they changed enough", async () => {
    const store = new MemoryStore();
    const catalog = new LocalCatalog("demo");
    const target = { index: "demo", catalog, store };
    expect(await refreshIdf(target, bound)).toBeNull();
    const vectors = await publish(catalog, store, 30);
    expect(await refreshIdf(target, bound)).toMatchObject({ documents: 30 });

    const textFrequencies = new Uint32Array(size);
    for (const vector of vectors) {
      if (vector instanceof Error) throw vector;
      for (const term of vector.ownTermIds) textFrequencies[term]!++;
    }
    const expected = idfTable("blend", idf, { documents: 30, textFrequencies });
    expect((await tablesInUse(catalog, store)).idf).toEqual(expected);
    expect(expected).not.toEqual(idf);

    expect(await refreshIdf(target, bound)).toBeNull();
    await publish(catalog, store, 3, 100);
    expect(await refreshIdf(target, bound)).toBeNull();
    await publish(catalog, store, 1, 200);
    expect(await refreshIdf(target, bound)).toMatchObject({ documents: 34 });
  });

  it("follows the setting, back to the model's own table too, without touching segments", async () => {
    const store = new MemoryStore();
    const catalog = new LocalCatalog("demo");
    const target = { index: "demo", catalog, store };
    await publish(catalog, store, 5);
    await refreshIdf(target, bound);
    const before = catalog.catalog.manifest().segments;
    for (const mode of ["corpus", "model"] as const) {
      catalog.catalog.create({ ...TEST_SETTINGS, idf: mode });
      expect(await refreshIdf(target, bound)).not.toBeNull();
      const corpus = { documents: 5, textFrequencies: new Uint32Array(size) };
      const table = (await tablesInUse(catalog, store)).idf;
      if (mode === "model") expect(table).toEqual(idf);
      else expect(table[7]).toBeCloseTo(idfTable(mode, idf, corpus)[7]!, 5);
      expect(catalog.catalog.manifest().segments).toEqual(before);
      expect(await refreshIdf(target, bound)).toBeNull();
    }
  });
});

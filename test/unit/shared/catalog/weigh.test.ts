import { describe, expect, it } from "vitest";
import { isLzeroError } from "../../../../shared/errors.ts";
import { LocalCatalog, TEST_SETTINGS } from "../../../support/local-catalog.ts";

const MODEL = {
  fingerprint: "a".repeat(32),
  tables: "b".repeat(32),
  maxWeight: 1,
  impactBits: 8,
  averageLength: null,
} as const;
const SNAPSHOT = { model: MODEL.fingerprint, tables: "c".repeat(32), idf: "blend", documents: 1 } as const;

async function boundCatalog(): Promise<LocalCatalog> {
  const local = new LocalCatalog("demo");
  await commitOne(local, "1");
  return local;
}

async function commitOne(local: LocalCatalog, digit: string): Promise<void> {
  const segmentId = digit.repeat(32);
  await local.stage({ segmentId, model: MODEL, checksum: "0", pages: 1, documents: 1, sizeBytes: 1 });
  await local.locate({ segmentId, firstOrdinal: 0, documents: [[digit.repeat(32), 1, null, null]] });
  await local.commit({ segmentId });
}

describe("weigh", () => {
  it("makes a generation that names the snapshot, with the same segments", async () => {
    const local = await boundCatalog();
    const before = local.catalog.manifest();
    const { generation } = await local.weigh(SNAPSHOT);
    const after = local.catalog.manifest();
    expect(generation).toBe(before.generation + 1);
    expect(after).toMatchObject({ generation, model: { ...MODEL, tables: SNAPSHOT.tables } });
    expect(after.segments).toEqual(before.segments);
    expect((await local.status()).snapshot).toEqual({ tables: SNAPSHOT.tables, idf: "blend", documents: 1 });
  });

  it("changes nothing when repeated, and goes back to the model's own tables", async () => {
    const local = await boundCatalog();
    const { generation } = await local.weigh(SNAPSHOT);
    expect(await local.weigh(SNAPSHOT)).toEqual({ generation });
    await local.weigh({ ...SNAPSHOT, tables: MODEL.tables, idf: "model", documents: 0 });
    expect(local.catalog.manifest().model).toEqual(MODEL);
    expect((await local.status()).snapshot).toBeNull();
  });

  it("outlives later commits of the same model", async () => {
    const local = await boundCatalog();
    await local.weigh(SNAPSHOT);
    await commitOne(local, "2");
    expect(local.catalog.manifest().model?.tables).toBe(SNAPSHOT.tables);
    expect(local.catalog.manifest().segments).toHaveLength(2);
  });

  it("refuses tables of another model, and any before a model is bound", async () => {
    const mismatch = expect.toSatisfy((error) => isLzeroError(error, "model_mismatch"));
    const local = await boundCatalog();
    await expect(local.weigh({ ...SNAPSHOT, model: "d".repeat(32) })).rejects.toThrow(mismatch);
    await expect(new LocalCatalog("empty").weigh(SNAPSHOT)).rejects.toThrow(mismatch);
  });
});

describe("the setting idf", () => {
  it("may change at any time, in a new generation; other settings may not", async () => {
    const local = await boundCatalog();
    const before = local.catalog.manifest().generation;
    expect(local.catalog.create({ ...TEST_SETTINGS, idf: "corpus" })).toEqual({ created: false });
    expect(local.catalog.manifest()).toMatchObject({ generation: before + 1, settings: { idf: "corpus" } });
    expect(() => local.catalog.create({ ...TEST_SETTINGS, averageLength: 9 })).toThrow(
      expect.toSatisfy((error) => isLzeroError(error, "index_conflict")),
    );
  });
});

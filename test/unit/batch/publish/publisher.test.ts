import { describe, expect, it, onTestFinished } from "vitest";
import { collectGarbage } from "../../../../batch/publish/collector.ts";
import type { PublishDocument } from "../../../../batch/publish/publisher.ts";
import { Publisher, type PublisherOptions } from "../../../../batch/publish/publisher.ts";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { LzeroError } from "../../../../shared/errors.ts";
import type { QueueMessage } from "../../../../shared/messages/queue-message.ts";
import { manifestKey, tablesKey } from "../../../../shared/storage/keys.ts";
import { expectVerified } from "../../../support/expect-verified.ts";
import { encodeFake, fakeBoundModel } from "../../../support/fake-encoder.ts";
import { LocalCatalog } from "../../../support/local-catalog.ts";
import { keysOf, readIndex } from "../../../support/read-index.ts";

const model = fakeBoundModel();
const LEASE_MS = 60_000;

function setUp() {
  const catalog = new LocalCatalog("demo", { leaseMs: LEASE_MS });
  const store = new MemoryStore();
  const target = { index: "demo", catalog, store };
  onTestFinished(async () => void (await expectVerified(store, catalog.catalog.manifest())));
  const publish = (documents: readonly PublishDocument[], options: PublisherOptions = {}) =>
    new Publisher(options).publish(target, model, documents);
  return { catalog, store, target, publish };
}

function encoded(...messages: QueueMessage[]): PublishDocument[] {
  return messages.flatMap(({ ingestId, documents }) =>
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

const texts = (count: number, word = "word") =>
  Array.from({ length: count }, (_, at) => ({ id: `id${at}`, text: `${word} number ${at}` }));

class Kill extends Error {}

describe("Publisher", () => {
  it("publishes documents so that every one is there once, and settles its ingest", async () => {
    const { catalog, store, publish } = setUp();
    const message = catalog.accept(texts(20));
    const result = await publish(encoded(message));
    expect(result).toMatchObject({ generation: 1, documents: 20, live: 20, tombstoned: 0, attempts: 1 });
    const found = await readIndex(store, catalog.catalog.manifest());
    expect(found.map(({ id }) => id)).toEqual(
      texts(20)
        .map(({ id }) => id)
        .sort(),
    );
    expect(found[0]!.terms.map(([termId]) => termId)).toEqual([...encodeFake(found[0]!.text).termIds]);
    expect(new Set(catalog.outcomes(message.ingestId))).toEqual(new Set(["indexed"]));
    expect(store.keys()).toContain(tablesKey(model.binding.tables));
  });

  it("stores the query tables once for many segments", async () => {
    const { catalog, store, target } = setUp();
    let tableWrites = 0;
    const counting = {
      ...target,
      store: {
        read: (key: string) => store.read(key),
        delete: (keys: readonly string[]) => store.delete(keys),
        write: async (entries: Parameters<MemoryStore["write"]>[0]) => {
          tableWrites += entries.filter(({ key }) => key.startsWith("_tables/")).length;
          await store.write(entries);
        },
      },
    };
    const publisher = new Publisher();
    for (let count = 0; count < 3; count++) {
      await publisher.publish(counting, model, encoded(catalog.accept(texts(2, `round${count}`))));
    }
    expect(tableWrites).toBe(1);
  });

  it("keeps the highest version of a document, in one segment and across segments", async () => {
    const { catalog, store, publish } = setUp();
    const first = catalog.accept([
      { id: "a", text: "old" },
      { id: "a", text: "newer" },
    ]);
    const second = catalog.accept([{ id: "a", text: "newest" }]);
    await publish(encoded(second));
    await publish(encoded(first));
    expect(await readIndex(store, catalog.catalog.manifest())).toMatchObject([{ id: "a", text: "newest" }]);
    expect(catalog.outcomes(first.ingestId)).toEqual(["superseded", "superseded"]);
    expect(catalog.outcomes(second.ingestId)).toEqual(["indexed"]);
  });

  it("changes nothing when the same documents come again, in one batch or later", async () => {
    const { catalog, store, publish } = setUp();
    const message = catalog.accept(texts(5));
    const result = await publish(encoded(message, message));
    expect(result.documents).toBe(5);
    await publish(encoded(message));
    expect(await readIndex(store, catalog.catalog.manifest())).toHaveLength(5);
    expect(new Set(catalog.outcomes(message.ingestId))).toEqual(new Set(["indexed"]));
  });

  it("counts what the vectors lost", async () => {
    const { catalog, publish } = setUp();
    const documents = encoded(catalog.accept(texts(2)));
    const vector = {
      termIds: Uint32Array.of(5, 6, 7),
      weights: Float32Array.of(9, 1, 0.001),
      ownTermIds: Uint32Array.of(6),
      tokenCount: 100,
      truncated: true,
      unseenTokens: 5,
      cutByTopK: 4,
    };
    const result = await publish([{ ...documents[0]!, vector }, documents[1]!]);
    expect(result).toMatchObject({ clipped: 1, dropped: 1, cut: 4, truncated: 1, unseenTokens: 5 });
  });

  const STEPS = ["tables", "encoded", "staged", "pages", "located:0", "committed"];

  it.each(STEPS)("loses and doubles nothing when the process dies after %s", async (step) => {
    const { catalog, store, target, publish } = setUp();
    const before = catalog.accept(texts(5, "before"));
    await publish(encoded(before));
    const message = catalog.accept([...texts(3, "after"), { id: "new", text: "another" }]);
    const kill = (name: string) => {
      if (name === step) throw new Kill();
    };
    await expect(publish(encoded(message), { onStep: kill })).rejects.toThrow(Kill);
    // The queue delivers the message again to a new process.
    await publish(encoded(message));
    const found = await readIndex(store, catalog.catalog.manifest());
    expect(found.map(({ id, text }) => [id, text.split(" ")[0]])).toEqual([
      ["id0", "after"],
      ["id1", "after"],
      ["id2", "after"],
      ["id3", "before"],
      ["id4", "before"],
      ["new", "another"],
    ]);
    expect(new Set(catalog.outcomes(message.ingestId))).toEqual(new Set(["indexed"]));
    // The lease of the dead process's segment ends, and garbage goes.
    catalog.nowMs += LEASE_MS + 60 * 60_000 + 1;
    await catalog.putManifest(store);
    await collectGarbage(target, { graceMs: 0 });
    const expected = [
      ...keysOf(catalog.catalog.manifest()),
      manifestKey("demo"),
      tablesKey(model.binding.tables),
    ];
    expect(store.keys()).toEqual(expected.sort());
  });

  it("names every step that a crash can fall between", async () => {
    const { catalog, publish } = setUp();
    const steps: string[] = [];
    await publish(encoded(catalog.accept(texts(2))), { onStep: (name) => void steps.push(name) });
    expect(steps).toEqual(STEPS);
  });

  it("starts anew under another id when its lease expired", async () => {
    const { catalog, store, publish } = setUp();
    const message = catalog.accept(texts(3));
    let expired = false;
    const result = await publish(encoded(message), {
      onStep: (name) => {
        if (name === "pages" && !expired) {
          expired = true;
          catalog.nowMs += LEASE_MS + 1;
        }
      },
    });
    expect(result.attempts).toBe(2);
    expect(await readIndex(store, catalog.catalog.manifest())).toHaveLength(3);
    expect(catalog.catalog.collect({ collected: [], graceMs: 0 }).segments).toHaveLength(1);
  });

  it("takes a commit whose answer was lost for what it was", async () => {
    const { catalog, publish } = setUp();
    catalog.fail("commit", "after");
    const result = await publish(encoded(catalog.accept(texts(3))));
    expect(result).toMatchObject({ generation: 1, live: 3, attempts: 1 });
  });

  it("gives the segment up and says why when the catalog does not answer", async () => {
    const { catalog, publish } = setUp();
    catalog.fail("locate", "before");
    await expect(publish(encoded(catalog.accept(texts(3))))).rejects.toMatchObject({
      code: "catalog_unavailable",
    });
    expect(catalog.catalog.collect({ collected: [], graceMs: 0 }).segments).toHaveLength(1);
  });

  it("leaves a segment to its lease when page writes may still arrive", async () => {
    const { catalog, store, target } = setUp();
    const failing = {
      ...target,
      store: {
        read: (key: string) => store.read(key),
        delete: (keys: readonly string[]) => store.delete(keys),
        write: async (entries: Parameters<MemoryStore["write"]>[0]) => {
          if (entries[0]!.key.startsWith("demo/")) throw new LzeroError("storage_write_failed", "no answer");
          await store.write(entries);
        },
      },
    };
    const documents = encoded(catalog.accept(texts(3)));
    await expect(new Publisher({ maxAttempts: 2 }).publish(failing, model, documents)).rejects.toMatchObject({
      code: "storage_write_failed",
    });
    expect(catalog.catalog.collect({ collected: [], graceMs: 0 }).segments).toHaveLength(0);
    catalog.nowMs += LEASE_MS;
    expect(catalog.catalog.collect({ collected: [], graceMs: 0 }).segments).toHaveLength(2);
  });

  it("does not try again with a model that the index refuses", async () => {
    const { catalog, publish, target } = setUp();
    await publish(encoded(catalog.accept(texts(1))));
    const other = { ...model, binding: { ...model.binding, fingerprint: "f".repeat(32) } };
    let attempts = 0;
    const publisher = new Publisher({
      onStep: (name) => {
        if (name === "encoded") attempts++;
      },
    });
    await expect(publisher.publish(target, other, encoded(catalog.accept(texts(1))))).rejects.toMatchObject({
      code: "model_mismatch",
    });
    expect(attempts).toBe(1);
  });
});

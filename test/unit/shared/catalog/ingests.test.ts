import { describe, expect, it } from "vitest";
import { CatalogHarness, DAY_MS, expectCode, hexId, MINUTE_MS, SETTINGS, START_MS } from "./harness.ts";

const SEQUENCE = { ...SETTINGS, versions: "sequence" } as const;

describe("create", () => {
  it("makes generation 0 without segments or model, so that readers find the index", () => {
    const { catalog } = new CatalogHarness();
    expect(catalog.manifest()).toEqual({
      index: "demo",
      generation: 0,
      createdAtMs: START_MS,
      settings: SETTINGS,
      model: null,
      segments: [],
    });
    expect(catalog.status()).toMatchObject({
      generation: 0,
      documents: 0,
      pending: 0,
      publishedGeneration: -1,
    });
  });

  it("is idempotent with equal settings and refuses others", () => {
    const { catalog } = new CatalogHarness({}, null);
    expect(catalog.create(SETTINGS)).toEqual({ created: true });
    expect(catalog.create({ ...SETTINGS })).toEqual({ created: false });
    expectCode(() => catalog.create({ ...SETTINGS, versions: "sequence" }), "index_conflict");
    expectCode(() => catalog.create({ ...SETTINGS, encoder: "bm25" }), "index_conflict");
    expectCode(() => catalog.create({ ...SETTINGS, encodedFields: ["title", "text"] }), "index_conflict");
    expect(catalog.status().settings).toEqual(SETTINGS);
  });

  it("is needed before every other command, which leave an absent index without a trace", () => {
    const harness = new CatalogHarness({}, null);
    const { catalog } = harness;
    const commands: (() => unknown)[] = [
      () => harness.accept(1, 1),
      () => harness.outcomes(1),
      () => catalog.settle({ outcomes: [] }),
      () => catalog.pending({ limit: 10 }),
      () => harness.prepare(1, []),
      () => catalog.locate({ segmentId: hexId(1), firstOrdinal: 0, documents: [] }),
      () => harness.commit(1),
      () => catalog.abort({ segmentId: hexId(1) }),
      () => harness.remove("a", 1),
      () => harness.version("a"),
      () => harness.collectable(),
      () => catalog.status(),
      () => catalog.manifest(),
    ];
    for (const command of commands) expectCode(command, "index_not_found");
    expect(catalog.outboxNextAtMs()).toBeNull();
    expect(harness.dump()).toEqual([]);
  });
});

describe("accept", () => {
  it("assigns consecutive versions over ingests, rejected positions included", () => {
    const harness = new CatalogHarness({}, SEQUENCE);
    expect(harness.accept(1, 3, [1])).toEqual({ firstVersion: 1, acceptedAtMs: START_MS, pending: [0, 2] });
    expect(harness.accept(2, 1)).toMatchObject({ firstVersion: 4, pending: [0] });
  });

  it("assigns no versions to an index with external ones", () => {
    const harness = new CatalogHarness();
    expect(harness.accept(1, 3).firstVersion).toBe(0);
    expect(harness.accept(2, 3).firstVersion).toBe(0);
  });

  it("returns the same versions and only what is pending when it is repeated", () => {
    const harness = new CatalogHarness({}, SEQUENCE);
    harness.accept(1, 4, [3]);
    harness.publish(7, [["a", 2, 1, 1]]);
    harness.nowMs += MINUTE_MS;
    expect(harness.accept(1, 4)).toEqual({ firstVersion: 1, acceptedAtMs: START_MS, pending: [0, 2] });
    expect(harness.accept(2, 1).firstVersion).toBe(5);
    expect(harness.catalog.status().pending).toBe(3);
  });

  it("refuses one id for two requests", () => {
    const harness = new CatalogHarness();
    harness.accept(1, 2);
    const request = { ingestId: hexId(1), positions: 2, rejected: [] };
    expectCode(() => harness.catalog.accept({ ...request, digest: "other" }), "idempotency_conflict");
    expectCode(
      () => harness.catalog.accept({ ...request, positions: 3, digest: "d1" }),
      "idempotency_conflict",
    );
  });
});

describe("settle and ingestStatus", () => {
  it("returns an outcome for each position, with reasons, and counts", () => {
    const harness = new CatalogHarness();
    harness.accept(1, 4, [0]);
    harness.catalog.settle({
      outcomes: [{ ingestId: hexId(1), position: 2, outcome: "dead", code: "too_long", message: "no" }],
    });
    harness.publish(7, [["a", 5, 1, 3]]);
    expect(harness.catalog.ingestStatus(hexId(1))).toEqual({
      ingestId: hexId(1),
      acceptedAtMs: START_MS,
      counts: { pending: 1, indexed: 1, superseded: 0, failed: 1, dead: 1, expired: 0 },
      generation: null,
      documents: [
        { position: 0, outcome: "failed" },
        { position: 1, outcome: "pending" },
        { position: 2, outcome: "dead", code: "too_long", message: "no" },
        { position: 3, outcome: "indexed" },
      ],
    });
    expect(harness.catalog.status().pending).toBe(1);
    expectCode(() => harness.outcomes(2), "ingest_not_found");
  });

  it("names the generation that holds all positions once none is pending", () => {
    const harness = new CatalogHarness();
    harness.accept(1, 2);
    harness.publish(7, [["a", 1, 1, 0]]);
    expect(harness.catalog.ingestStatus(hexId(1)).generation).toBeNull();
    harness.publish(8, [["b", 1, 1, 1]]);
    harness.publish(9, [["c", 1]]);
    expect(harness.catalog.ingestStatus(hexId(1)).generation).toBe(2);
  });

  it("never overrules indexed or superseded, while a commit overrules failed", () => {
    const harness = new CatalogHarness();
    harness.accept(1, 3);
    const fail = (position: number) => ({
      outcomes: [
        { ingestId: hexId(1), position, outcome: "failed" as const, code: "queue", message: "lost" },
      ],
    });
    harness.publish(7, [
      ["a", 5, 1, 0],
      ["a", 4, 1, 1],
    ]);
    for (const position of [0, 1, 2]) harness.catalog.settle(fail(position));
    expect(harness.outcomes(1)).toEqual(["indexed", "superseded", "failed"]);
    harness.publish(8, [["b", 1, 1, 2]]); // it reached the queue all the same
    expect(harness.outcomes(1)).toEqual(["indexed", "superseded", "indexed"]);
    expect(harness.catalog.ingestStatus(hexId(1)).documents[2]).not.toHaveProperty("code");
    expect(harness.catalog.status().pending).toBe(0);
  });

  it("passes over ingests and positions that it does not know", () => {
    const harness = new CatalogHarness();
    harness.accept(1, 1);
    const before = harness.dump();
    const unknown = { outcome: "dead" as const, code: "x", message: "" };
    harness.catalog.settle({
      outcomes: [
        { ...unknown, ingestId: hexId(9), position: 0 },
        { ...unknown, ingestId: hexId(1), position: 7 },
      ],
    });
    expect(harness.dump()).toEqual(before);
  });
});

describe("pending", () => {
  it("lists ingests with pending positions, oldest first, and forgets those that are settled", () => {
    const harness = new CatalogHarness();
    for (const ingest of [3, 1, 2]) {
      harness.accept(ingest, 2, ingest === 2 ? [0, 1] : []);
      harness.nowMs += 1000;
    }
    harness.publish(7, [["a", 1, 3, 1]]);
    expect(harness.catalog.pending({ limit: 10 }).ingests).toEqual([
      { ingestId: hexId(3), acceptedAtMs: START_MS, positions: [0] },
      { ingestId: hexId(1), acceptedAtMs: START_MS + 1000, positions: [0, 1] },
    ]);
    expect(harness.catalog.pending({ limit: 1 }).ingests).toHaveLength(1);
    expect(harness.catalog.status()).toMatchObject({ pending: 3, oldestPendingAtMs: START_MS });
    harness.publish(8, [["b", 1, 3, 0]]);
    expect(harness.catalog.status()).toMatchObject({ pending: 2, oldestPendingAtMs: START_MS + 1000 });
  });

  it("counts positions as expired once the queue cannot hold them any more, and still takes their commit", () => {
    const harness = new CatalogHarness();
    harness.accept(1, 2);
    harness.nowMs += 4 * DAY_MS;
    expect(harness.outcomes(1)).toEqual(["pending", "pending"]);
    harness.nowMs += 1;
    expect(harness.outcomes(1)).toEqual(["expired", "expired"]);
    const idle = { pending: 0, oldestPendingAtMs: null };
    expect(harness.catalog.status()).toMatchObject(idle);
    expect(harness.catalog.pending({ limit: 10 }).ingests).toEqual([]);
    expect(harness.accept(2, 1).pending).toEqual([0]); // writes the expiry down
    expect(harness.catalog.status()).toMatchObject({ pending: 1, oldestPendingAtMs: harness.nowMs });
    expect(harness.outcomes(1)).toEqual(["expired", "expired"]);
    harness.publish(7, [["a", 1, 1, 1]]);
    expect(harness.outcomes(1)).toEqual(["expired", "indexed"]);
    expect(harness.catalog.status().pending).toBe(1);
  });

  it("forgets an ingest and its reasons after the retention", () => {
    const harness = new CatalogHarness();
    harness.accept(1, 1);
    harness.catalog.settle({
      outcomes: [{ ingestId: hexId(1), position: 0, outcome: "dead", code: "x", message: "y" }],
    });
    harness.accept(2, 1);
    harness.nowMs += 30 * DAY_MS + 1;
    harness.accept(3, 1); // ingest 2 expires in this sweep, and is forgotten after its p row is gone
    harness.accept(4, 1);
    expectCode(() => harness.outcomes(1), "ingest_not_found");
    expectCode(() => harness.outcomes(2), "ingest_not_found");
    const fresh = new CatalogHarness();
    fresh.nowMs = harness.nowMs;
    fresh.accept(3, 1);
    fresh.accept(4, 1);
    expect(harness.dump().length).toBe(fresh.dump().length);
  });
});

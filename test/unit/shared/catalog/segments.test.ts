import { describe, expect, it } from "vitest";
import {
  CatalogHarness,
  expectCode,
  hexId,
  located,
  MINUTE_MS,
  MODEL,
  START_MS,
  stageRequest,
} from "./harness.ts";

const LEASE_MS = 10 * MINUTE_MS;

describe("stage", () => {
  it("answers a lease and renews it when repeated while it runs", () => {
    const harness = new CatalogHarness();
    const request = stageRequest(1, 1);
    expect(harness.catalog.stage(request)).toEqual({ leaseUntilMs: START_MS + LEASE_MS });
    harness.nowMs += LEASE_MS - 1;
    expect(harness.catalog.stage(request)).toEqual({ leaseUntilMs: harness.nowMs + LEASE_MS });
    harness.nowMs += LEASE_MS - 1;
    harness.catalog.locate({ segmentId: hexId(1), firstOrdinal: 0, documents: located([["a", 1]]) });
    expect(harness.commit(1).live).toBe(1);
  });

  it("never shortens a lease, not even when the clock is set back", () => {
    const harness = new CatalogHarness();
    const { leaseUntilMs } = harness.catalog.stage(stageRequest(1, 1));
    harness.nowMs -= 5 * MINUTE_MS;
    expect(harness.catalog.stage(stageRequest(1, 1))).toEqual({ leaseUntilMs });
  });

  it("refuses an id with another description", () => {
    const harness = new CatalogHarness();
    const request = stageRequest(1, 1, [5]);
    harness.catalog.stage(request);
    const others = [
      { ...request, pages: 3 },
      { ...request, documents: 2 },
      { ...request, sizeBytes: 1 },
      { ...request, checksum: "other" },
      { ...request, replaces: [] },
      { ...request, model: { ...MODEL, fingerprint: "f".repeat(32) } },
    ];
    for (const other of others) expectCode(() => harness.catalog.stage(other), "segment_exists");
  });

  it("refuses another model than the pinned one: fingerprint, tables or scale", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 1]]);
    for (const change of [{ fingerprint: "f".repeat(32) }, { tables: "f".repeat(32) }, { maxWeight: 4 }]) {
      const request = { ...stageRequest(2, 1), model: { ...MODEL, ...change } };
      expectCode(() => harness.catalog.stage(request), "model_mismatch");
    }
  });

  it("answers the same after the commit", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 1]]);
    expect(harness.catalog.stage(stageRequest(1, 1))).toEqual({ leaseUntilMs: START_MS + LEASE_MS });
    expect(harness.version("a")).toBe(1);
  });
});

describe("the lease", () => {
  it("fences: once expired, nothing makes the segment committable, a clock set back after the offer included", () => {
    const harness = new CatalogHarness();
    harness.prepare(1, [["a", 1]]);
    harness.nowMs += LEASE_MS;
    const locate = { segmentId: hexId(1), firstOrdinal: 0, documents: located([["a", 1]]) };
    expectCode(() => harness.catalog.locate(locate), "lease_expired");
    expectCode(() => harness.commit(1), "lease_expired");
    expectCode(() => harness.catalog.stage(stageRequest(1, 1)), "lease_expired");
    expect(harness.collectable()).toEqual([1]); // its pages may be gone from here on
    harness.nowMs -= LEASE_MS;
    expectCode(() => harness.commit(1), "segment_not_staged");
    expectCode(() => harness.catalog.stage(stageRequest(1, 1)), "segment_exists");
    expect(harness.version("a")).toBeNull();
  });

  it("is not looked at when a commit is repeated that was done in time", () => {
    const harness = new CatalogHarness();
    const answer = harness.publish(1, [["a", 1]]);
    harness.nowMs += 2 * LEASE_MS;
    expect(harness.commit(1)).toEqual(answer);
  });
});

describe("locate", () => {
  it("takes chunks in any order and the same chunk again", () => {
    const harness = new CatalogHarness();
    harness.catalog.stage(stageRequest(1, 3));
    const chunk = (firstOrdinal: number, ...documents: [string, number][]) => ({
      segmentId: hexId(1),
      firstOrdinal,
      documents: located(documents),
    });
    harness.catalog.locate(chunk(2, ["c", 1]));
    expectCode(() => harness.commit(1), "segment_incomplete");
    const first = chunk(0, ["a", 1], ["b", 1]);
    harness.catalog.locate(first);
    const before = harness.dump();
    harness.catalog.locate(first);
    expect(harness.dump()).toEqual(before);
    expect(harness.commit(1)).toEqual({ generation: 1, live: 3, tombstoned: 0 });
  });

  it("refuses other documents at the same ordinal and ordinals past the segment's end", () => {
    const harness = new CatalogHarness();
    harness.prepare(1, [["a", 1]]);
    const locate = (firstOrdinal: number, id: string) =>
      harness.catalog.locate({ segmentId: hexId(1), firstOrdinal, documents: located([[id, 1]]) });
    expectCode(() => locate(0, "b"), "locate_conflict");
    expectCode(() => locate(1, "b"), "locate_conflict");
  });

  it("leaves overlapping chunks to be refused at the commit", () => {
    const harness = new CatalogHarness();
    harness.catalog.stage(stageRequest(1, 3));
    const documents = located([
      ["a", 1],
      ["b", 1],
    ]);
    harness.catalog.locate({ segmentId: hexId(1), firstOrdinal: 0, documents });
    harness.catalog.locate({ segmentId: hexId(1), firstOrdinal: 1, documents });
    expectCode(() => harness.commit(1), "segment_incomplete");
  });

  it("refuses segments that are not staged", () => {
    const harness = new CatalogHarness();
    const request = { segmentId: hexId(1), firstOrdinal: 0, documents: located([["a", 1]]) };
    expectCode(() => harness.catalog.locate(request), "segment_not_staged");
    harness.publish(1, [["a", 1]]);
    expectCode(() => harness.catalog.locate(request), "segment_not_staged");
  });
});

describe("abort", () => {
  it("gives a staged segment up for good, idempotently", () => {
    const harness = new CatalogHarness();
    harness.prepare(1, [["a", 1]]);
    harness.catalog.abort({ segmentId: hexId(1) });
    harness.catalog.abort({ segmentId: hexId(1) });
    harness.catalog.abort({ segmentId: hexId(2) });
    expectCode(() => harness.commit(1), "segment_not_staged");
    expectCode(() => harness.catalog.stage(stageRequest(1, 1)), "segment_exists");
    expect(harness.collectable()).toEqual([1]);
  });

  it("refuses a committed segment, whose publisher may not know that its commit was done", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 1]]);
    expectCode(() => harness.catalog.abort({ segmentId: hexId(1) }), "segment_committed");
    expect(harness.version("a")).toBe(1);
  });
});

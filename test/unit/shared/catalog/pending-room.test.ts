import { describe, expect, it } from "vitest";
import type { PendingLimits } from "../../../../shared/catalog/commands.ts";
import { CatalogHarness, DAY_MS, hexId, START_MS } from "./harness.ts";

const LIMITS: PendingLimits = { maxPending: 1000, maxPendingAgeMs: 60_000 };
const QUEUE_MS = 4 * DAY_MS;

class BusyCatalog extends CatalogHarness {
  acceptWithin(ingest: number, positions: number, limits = LIMITS) {
    return this.catalog.accept({
      ingestId: hexId(ingest),
      positions,
      rejected: [],
      digest: `d${ingest}`,
      limits,
    });
  }
}

const tooMany = (details: object) =>
  expect.objectContaining({ code: "too_many_pending", details: expect.objectContaining(details) });

describe("accept with limits", () => {
  it("takes requests up to the limit and refuses the one that would pass it, without a trace", () => {
    const harness = new BusyCatalog();
    harness.acceptWithin(1, 500);
    harness.acceptWithin(2, 500);
    const before = harness.dump();
    expect(() => harness.acceptWithin(3, 1)).toThrow(
      tooMany({ pending: 1000, maxPending: 1000, oldestPendingAtMs: START_MS }),
    );
    expect(harness.dump()).toEqual(before);
    harness.publish(7, [["a", 1, 1, 0]]);
    expect(harness.acceptWithin(3, 1).pending).toEqual([0]);
  });

  it("takes any request while nothing is pending", () => {
    const harness = new BusyCatalog();
    expect(harness.acceptWithin(1, 500, { maxPending: 1, maxPendingAgeMs: 1 }).pending).toHaveLength(500);
  });

  it("takes the repetition of a request that it has taken", () => {
    const harness = new BusyCatalog();
    harness.acceptWithin(1, 1000);
    harness.nowMs += 3_600_000;
    expect(harness.acceptWithin(1, 1000).pending).toHaveLength(1000);
  });

  it("says when to come again: the excess at the pace at which documents leave, one second to a minute", () => {
    const acceptAfter = (seconds: number, positions: number) => {
      const harness = new BusyCatalog();
      harness.acceptWithin(1, 1000);
      harness.nowMs += seconds * 1000;
      return () => harness.acceptWithin(2, positions);
    };
    expect(acceptAfter(50, 100)).toThrow(tooMany({ retryAfterSeconds: 5 }));
    expect(acceptAfter(0, 100)).toThrow(tooMany({ retryAfterSeconds: 1 }));
    const patient = new BusyCatalog();
    patient.acceptWithin(1, 1000);
    patient.nowMs += 7_200_000;
    expect(() => patient.acceptWithin(2, 100, { ...LIMITS, maxPendingAgeMs: DAY_MS })).toThrow(
      tooMany({ retryAfterSeconds: 60 }),
    );
  });

  it("refuses while the oldest pending document is too old, and says so", () => {
    const harness = new BusyCatalog();
    harness.acceptWithin(1, 10);
    harness.nowMs += LIMITS.maxPendingAgeMs;
    harness.acceptWithin(2, 10);
    harness.nowMs += 1;
    expect(() => harness.acceptWithin(3, 10)).toThrow(tooMany({ pending: 20, retryAfterSeconds: 60 }));
    const documents = Array.from({ length: 10 }, (_, at) => [`a${at}`, 1, 1, at] as const);
    harness.publish(7, documents);
    expect(harness.acceptWithin(3, 10).pending).toHaveLength(10);
  });

  it("lets a few documents that nobody will ever send stop nobody", () => {
    const harness = new BusyCatalog();
    harness.acceptWithin(1, 9);
    harness.nowMs += 3_600_000;
    expect(harness.acceptWithin(2, 500).pending).toHaveLength(500);
  });

  it("does not count what has expired, even while refusals keep it from being swept", () => {
    const harness = new BusyCatalog();
    for (let ingest = 1; ingest <= 200; ingest++) harness.acceptWithin(ingest, 5);
    expect(() => harness.acceptWithin(201, 1)).toThrow(tooMany({ pending: 1000 }));
    harness.nowMs += QUEUE_MS + 1;
    expect(harness.acceptWithin(201, 500).pending).toHaveLength(500);
    expect(harness.acceptWithin(202, 500).pending).toHaveLength(500);
    expect(() => harness.acceptWithin(203, 1)).toThrow(tooMany({ pending: 1000 }));
  });

  it("has no limit when none is given", () => {
    const harness = new CatalogHarness();
    for (let ingest = 1; ingest <= 10; ingest++)
      expect(harness.accept(ingest, 10_000 / 10).pending).toHaveLength(1000);
  });
});

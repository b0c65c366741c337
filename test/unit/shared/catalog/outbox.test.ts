import { describe, expect, it } from "vitest";
import { STATE_KEY } from "../../../../shared/catalog/keys.ts";
import { decodeJsonRow, encodeJsonRow, type IndexState } from "../../../../shared/catalog/rows.ts";
import { CatalogHarness, START_MS } from "./harness.ts";

/** Begins the put that is due now; its generation. */
function begin({ catalog }: CatalogHarness): number | null {
  return catalog.outboxDue()?.generation ?? null;
}

describe("outbox", () => {
  it("hands out generation 0 at once, and nothing more after its acknowledgement", () => {
    const harness = new CatalogHarness();
    expect(harness.catalog.outboxNextAtMs()).toBe(START_MS);
    expect(harness.catalog.outboxDue()).toEqual({ generation: 0, manifest: harness.catalog.manifest() });
    harness.catalog.outboxAcknowledged(0);
    expect(harness.catalog.outboxNextAtMs()).toBeNull();
    expect(begin(harness)).toBeNull();
    expect(harness.catalog.status().publishedGeneration).toBe(0);
  });

  it("puts at most once a second, and then the newest generation", () => {
    const harness = new CatalogHarness();
    begin(harness);
    harness.catalog.outboxAcknowledged(0);
    harness.publish(1, [["a", 1]]);
    harness.publish(2, [["b", 1]]);
    expect(harness.catalog.outboxNextAtMs()).toBe(START_MS + 1000);
    harness.nowMs += 999;
    expect(begin(harness)).toBeNull();
    harness.nowMs += 1;
    expect(begin(harness)).toBe(2);
  });

  it("stays due when a generation was made during the put", () => {
    const harness = new CatalogHarness();
    begin(harness);
    harness.publish(1, [["a", 1]]);
    harness.catalog.outboxAcknowledged(0);
    harness.nowMs += 1000;
    expect(begin(harness)).toBe(1);
  });

  it("puts again after an unknown outcome, with growing pauses of at most a minute", () => {
    const harness = new CatalogHarness();
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 9; attempt++) {
      expect(begin(harness)).toBe(0);
      pauses.push(harness.catalog.outboxNextAtMs()! - harness.nowMs);
      harness.nowMs = harness.catalog.outboxNextAtMs()!;
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it("puts twice more after a put that was repeated, a minute apart, in case the lost one arrives late", () => {
    const harness = new CatalogHarness();
    begin(harness);
    harness.nowMs += 1000;
    begin(harness);
    harness.catalog.outboxAcknowledged(0);
    expect(harness.catalog.outboxNextAtMs()).toBe(harness.nowMs + 60_000);
    harness.nowMs += 30_000;
    harness.publish(1, [["a", 1]]);
    expect(begin(harness)).toBe(1); // a new generation does not wait for it, nor take its place
    harness.catalog.outboxAcknowledged(1);
    harness.nowMs += 30_000;
    expect(begin(harness)).toBe(1);
    harness.catalog.outboxAcknowledged(1);
    expect(harness.catalog.outboxNextAtMs()).toBe(harness.nowMs + 60_000);
    harness.nowMs += 60_000;
    expect(begin(harness)).toBe(1);
    harness.catalog.outboxAcknowledged(1);
    expect(harness.catalog.outboxNextAtMs()).toBeNull();
  });

  it("still puts again a minute after a clock has jumped ahead over the first confirmation", () => {
    const harness = new CatalogHarness();
    begin(harness);
    harness.nowMs += 1000;
    begin(harness);
    harness.catalog.outboxAcknowledged(0);
    harness.nowMs += 3_600_000;
    begin(harness);
    harness.catalog.outboxAcknowledged(0); // too early: the lost put may still arrive now
    expect(harness.catalog.outboxNextAtMs()).toBe(harness.nowMs + 60_000);
  });

  it("confirms once where an earlier version of the row does not say how often", () => {
    const harness = new CatalogHarness();
    begin(harness);
    harness.nowMs += 1000;
    begin(harness);
    harness.catalog.outboxAcknowledged(0);
    const state = decodeJsonRow<IndexState>(harness.store.get(STATE_KEY)!);
    delete state.outbox.confirmations;
    harness.store.put(STATE_KEY, encodeJsonRow(state));
    harness.nowMs += 60_000;
    begin(harness);
    harness.catalog.outboxAcknowledged(0);
    expect(harness.catalog.outboxNextAtMs()).toBeNull();
  });

  it("is not held up by a clock that is set back", () => {
    const harness = new CatalogHarness();
    begin(harness);
    harness.nowMs -= 3_600_000;
    expect(harness.catalog.outboxNextAtMs()).toBe(harness.nowMs + 1000);
    harness.nowMs += 1000;
    harness.catalog.outboxAcknowledged(0);
    expect(harness.catalog.outboxNextAtMs()).toBeNull();
  });
});

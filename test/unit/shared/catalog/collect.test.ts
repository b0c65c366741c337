import { describe, expect, it } from "vitest";
import { documentKey } from "../../../../shared/catalog/document-key.ts";
import { locationKey, tombstonePrefix } from "../../../../shared/catalog/keys.ts";
import { prefixRange } from "../../../../shared/catalog/ordered-store.ts";
import { CatalogHarness, DAY_MS, expectCode, hexId, located, MINUTE_MS, stageRequest } from "./harness.ts";

const RETENTION_MS = 60 * MINUTE_MS;

describe("generations", () => {
  it("describes every retained generation with its own segments and tombstones", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [
      ["a", 1],
      ["b", 1],
      ["c", 1],
    ]);
    harness.publish(2, [["b", 2]]);
    harness.remove("a", 9);
    harness.publish(
      3,
      [
        ["c", 1],
        ["b", 2],
      ],
      [1, 2],
    );
    expect([0, 1, 2, 3, 4].map((generation) => harness.tombstones(generation))).toEqual([
      [],
      [[1, []]],
      [
        [1, [1]],
        [2, []],
      ],
      [
        [1, [0, 1]],
        [2, []],
      ],
      [[3, []]],
    ]);
  });

  it("retains generations for an hour after they were replaced, the current one for ever", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 1]]);
    harness.nowMs += RETENTION_MS;
    harness.publish(2, [["b", 1]]); // generation 0 was replaced an hour ago, 1 just now
    expectCode(() => harness.tombstones(0), "generation_not_found");
    expect(harness.tombstones(1)).toEqual([[1, []]]);
    harness.nowMs += 100 * DAY_MS;
    harness.collectable();
    expectCode(() => harness.tombstones(1), "generation_not_found");
    expect(harness.tombstones()).toHaveLength(2);
  });

  it("retains no more than its bound, and no tombstone rows beyond the retained generations", () => {
    const harness = new CatalogHarness({ maxRetainedGenerations: 3 });
    const ids = Array.from({ length: 20 }, (_, i) => `d${i}`);
    harness.publish(
      1,
      ids.map((id) => [id, 1]),
    );
    for (const id of ids.slice(0, 10)) harness.remove(id, 2);
    expect(harness.tombstones()[0]![1]).toHaveLength(10);
    expect(harness.tombstones(9)[0]![1]).toHaveLength(8);
    expectCode(() => harness.tombstones(8), "generation_not_found");
    expect(harness.store.list(prefixRange(tombstonePrefix(1)))).toHaveLength(3);
  });
});

describe("collect", () => {
  it("offers aborted segments and those with an expired lease, never a leased or live one", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 1]]);
    harness.prepare(2, [["b", 1]]);
    harness.prepare(3, [["c", 1]]);
    harness.catalog.abort({ segmentId: hexId(3) });
    expect(harness.collectable()).toEqual([3]);
    harness.nowMs += 10 * MINUTE_MS;
    harness.prepare(4, [["d", 1]]);
    expect(harness.collectable()).toEqual([2, 3]);
    expect(harness.collectable()).toEqual([2, 3]); // until they are said to be gone
  });

  it("offers a replaced segment only when no retained generation has it and the grace period is over", () => {
    const harness = new CatalogHarness({ generationRetentionMs: 5 * MINUTE_MS });
    harness.publish(1, [["a", 1]]);
    harness.publish(2, [["a", 1]], [1]);
    harness.nowMs += 5 * MINUTE_MS - 1;
    expect(harness.collectable(0)).toEqual([]);
    harness.nowMs += 1;
    expect(harness.collectable(10 * MINUTE_MS)).toEqual([]);
    expect(harness.collectable(5 * MINUTE_MS)).toEqual([1]);
  });

  it("forgets a segment with all its rows only when it is said to be collected, and its id stays dead", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [
      ["a", 1],
      ["b", 1],
    ]);
    harness.remove("b", 2);
    harness.publish(2, [["a", 1]], [1]);
    harness.nowMs += RETENTION_MS;
    expect(harness.collectable()).toEqual([1]);
    expect(harness.store.get(locationKey(documentKey("a"), 1))).not.toBeNull();
    expect(harness.collectable(0, [1])).toEqual([]);
    expect(harness.collectable(0, [1])).toEqual([]); // repeated
    expect(harness.store.get(locationKey(documentKey("a"), 1))).toBeNull();
    expect(harness.store.list(prefixRange(tombstonePrefix(1)))).toEqual([]);
    expect(harness.version("a")).toBe(1);
    expectCode(() => harness.catalog.stage(stageRequest(1, 2)), "segment_exists");
    expectCode(() => harness.commit(1), "segment_not_staged");
  });

  it("refuses to forget what it never offered", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 1]]);
    harness.publish(2, [["a", 1]], [1]); // replaced, but in a retained generation
    harness.prepare(3, [["c", 1]]);
    for (const segment of [1, 2, 3]) expectCode(() => harness.collectable(0, [segment]), "segment_in_use");
    expect(harness.collectable(0, [99])).toEqual([]);
  });

  it("forgets a large segment over several commands, offering it until all is gone", () => {
    const harness = new CatalogHarness();
    const documents = Array.from({ length: 55_000 }, (_, i): [string, number] => [`d${i}`, 1]);
    harness.catalog.stage(stageRequest(1, documents.length));
    for (let firstOrdinal = 0; firstOrdinal < documents.length; firstOrdinal += 5000) {
      const chunk = located(documents.slice(firstOrdinal, firstOrdinal + 5000));
      harness.catalog.locate({ segmentId: hexId(1), firstOrdinal, documents: chunk });
    }
    harness.catalog.abort({ segmentId: hexId(1) });
    expect(harness.collectable(0, [1])).toEqual([1]);
    expect(harness.collectable(0, [1])).toEqual([]);
    const empty = new CatalogHarness();
    expect(harness.dump().length).toBe(empty.dump().length + 2); // the dead id, and when it died
  });

  it("collects a segment that was never committed again before it forgets its id", () => {
    const harness = new CatalogHarness();
    harness.prepare(1, [["a", 1]]);
    harness.catalog.abort({ segmentId: hexId(1) });
    harness.collectable(0, harness.collectable());
    // A page of it that arrives now is known to nobody, but its id is.
    harness.nowMs += 30 * DAY_MS;
    expect(harness.collectable()).toEqual([]);
    harness.nowMs += 1;
    expect(harness.collectable()).toEqual([1]);
    expect(harness.collectable()).toEqual([1]);
    expectCode(() => harness.prepare(1, [["a", 1]]), "segment_exists");
    expect(harness.collectable(0, [1])).toEqual([]);
    expect(harness.dump().map(([key]) => key)).toEqual(new CatalogHarness().dump().map(([key]) => key));
  });

  it("collects a segment that was committed again too: a put of it whose answer was lost may come late", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 1]]);
    harness.publish(2, [["a", 2]]);
    harness.nowMs += RETENTION_MS;
    expect(harness.collectable()).toEqual([1]);
    expect(harness.collectable(0, [1])).toEqual([]);
    const isKnown = () => harness.dump().some(([key]) => key === `6d${hexId(1)}`);
    harness.nowMs += 30 * DAY_MS + 1;
    expect(harness.collectable()).toEqual([1]);
    expect(isKnown()).toBe(true);
    expect(harness.collectable(0, [1])).toEqual([]);
    expect(isKnown()).toBe(false);
  });
});

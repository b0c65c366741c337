import { describe, expect, it } from "vitest";
import { documentKey } from "../../../../shared/catalog/document-key.ts";
import { MAX_PINS } from "../../../../shared/catalog/history-commands.ts";
import { tombstonePrefix } from "../../../../shared/catalog/keys.ts";
import { prefixRange } from "../../../../shared/catalog/ordered-store.ts";
import {
  CatalogHarness,
  DAY_MS,
  expectCode,
  hexId,
  MINUTE_MS,
  MODEL,
  SETTINGS,
  START_MS,
} from "./harness.ts";

const HOUR_MS = 60 * MINUTE_MS;

/** Generation 1: a1 b1 c1. 2: a2, d2. 3: b deleted. 4: both segments merged. */
function fourGenerations(): CatalogHarness {
  const harness = new CatalogHarness();
  harness.publish(1, [
    ["a", 1],
    ["b", 1],
    ["c", 1],
  ]);
  harness.publish(2, [
    ["a", 2],
    ["d", 2],
  ]);
  harness.remove("b", 3);
  harness.publish(
    3,
    [
      ["c", 1],
      ["a", 2],
      ["d", 2],
    ],
    [1, 2],
  );
  return harness;
}

const versions = (harness: CatalogHarness) => ["a", "b", "c", "d"].map((id) => harness.version(id));
const rollBack = (harness: CatalogHarness, to: number, expected: number | null = null) =>
  harness.catalog.rollback({ to, expected });
const pin = (harness: CatalogHarness, generation: number, pinned = true) =>
  harness.catalog.pin({ generation, pinned });

describe("generations", () => {
  it("lists what is retained, with what made it, oldest first", () => {
    const harness = fourGenerations();
    harness.catalog.create({ ...SETTINGS, idf: "corpus" });
    rollBack(harness, 2);
    pin(harness, 1);
    const { generations, retention } = harness.catalog.generations();
    expect(
      generations.map(({ generation, why, documents, segments }) => [generation, why, documents, segments]),
    ).toEqual([
      [0, "create", 0, 0],
      [1, "publish", 3, 1],
      [2, "publish", 4, 2],
      [3, "delete", 3, 2],
      [4, "merge", 3, 1],
      [5, "idf", 3, 1],
      [6, "rollback", 3, 2],
    ]);
    expect(generations.filter(({ pinned }) => pinned).map(({ generation }) => generation)).toEqual([1]);
    expect(generations.filter(({ live }) => live).map(({ generation }) => generation)).toEqual([6]);
    expect(generations[6]).toMatchObject({ restored: 2, sizeBytes: 1001 + 1002, createdAtMs: START_MS });
    expect(retention).toEqual({
      generationMs: HOUR_MS,
      generations: 100,
      deletionMs: 30 * DAY_MS,
      ingestMs: 30 * DAY_MS,
      queueMs: 4 * DAY_MS,
    });
  });
});

describe("rollback", () => {
  it("makes a new generation with the older list, and leaves every generation as it was", () => {
    const harness = fourGenerations();
    const before = [0, 1, 2, 3, 4].map((generation) => harness.tombstones(generation));
    expect(rollBack(harness, 1)).toEqual({ generation: 5, replaced: 4, withheld: 1 });
    expect(harness.tombstones()).toEqual([[1, [1]]]);
    expect(versions(harness)).toEqual([1, null, 1, null]);
    expect(harness.catalog.status()).toMatchObject({ generation: 5, documents: 2 });
    expect([0, 1, 2, 3, 4].map((generation) => harness.tombstones(generation))).toEqual(before);
  });

  it("goes forward again to what it replaced", () => {
    const harness = fourGenerations();
    rollBack(harness, 0);
    expect(harness.catalog.status()).toMatchObject({ generation: 5, documents: 0, segments: [] });
    expect(rollBack(harness, 4)).toEqual({ generation: 6, replaced: 5, withheld: 0 });
    expect(versions(harness)).toEqual([2, null, 1, 2]);
    expect(harness.tombstones()).toEqual(harness.tombstones(4));
  });

  it("keeps deleted what was deleted since, though its segment comes back", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 1]]);
    harness.publish(2, [["b", 1]]);
    harness.remove("a", 2); // empties segment 1, which leaves
    expect(rollBack(harness, 2)).toEqual({ generation: 4, replaced: 3, withheld: 1 });
    expect(versions(harness)).toEqual([null, 1, null, null]);
    expect(harness.tombstones()).toEqual([[2, []]]);
  });

  it("keeps deleted what was deleted while a clock was set back", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 1]]);
    harness.nowMs -= 2 * HOUR_MS;
    harness.remove("a", 2);
    expect(rollBack(harness, 1)).toMatchObject({ withheld: 1 });
    expect(harness.version("a")).toBeNull();
  });

  it("brings a document back that was deleted at an older version than the restored one", () => {
    const harness = new CatalogHarness();
    harness.remove("a", 4);
    harness.publish(1, [["a", 5]]);
    harness.publish(2, [["b", 1]]);
    expect(rollBack(harness, 1)).toMatchObject({ withheld: 0 });
    expect(harness.version("a")).toBe(5);
  });

  it("lets later writes be judged by their versions: what it hid comes back when it is sent again", () => {
    const harness = fourGenerations();
    rollBack(harness, 1);
    harness.publish(4, [
      ["a", 2],
      ["d", 2],
      ["b", 2],
    ]);
    expect(versions(harness)).toEqual([2, null, 1, 2]); // b stays deleted: its deletion has version 3
  });

  it("refuses a merge of what is not live any more, and one that lacks what is live again", () => {
    const harness = fourGenerations();
    harness.prepare(
      7,
      [
        ["c", 1],
        ["a", 2],
        ["d", 2],
      ],
      [3],
    );
    rollBack(harness, 1);
    expectCode(() => harness.commit(7), "merge_conflict");
    harness.prepare(8, [["c", 1]], [1]);
    expectCode(() => harness.commit(8), "merge_conflict");
  });

  it("is done once when it is sent twice", () => {
    const harness = fourGenerations();
    const answer = rollBack(harness, 1, 4);
    const after = harness.dump();
    expect(rollBack(harness, 1, 4)).toEqual(answer);
    expect(rollBack(harness, 1)).toEqual(answer);
    expect(harness.dump()).toEqual(after);
    harness.publish(4, [["e", 1]]);
    expect(rollBack(harness, 1, 4)).toEqual(answer);
    expect(rollBack(harness, 1)).toMatchObject({ generation: 7 });
  });

  it("changes nothing when the index has changed meanwhile, or is there already", () => {
    const harness = fourGenerations();
    const before = harness.dump();
    expectCode(() => rollBack(harness, 1, 3), "generation_conflict");
    expect(rollBack(harness, 4)).toEqual({ generation: 4, replaced: 4, withheld: 0 });
    expect(harness.dump()).toEqual(before);
  });

  it("refuses a generation that was never made, and one that is no longer retained", () => {
    const harness = fourGenerations();
    expectCode(() => rollBack(harness, 5), "generation_not_found");
    harness.nowMs += HOUR_MS;
    harness.publish(4, [["e", 1]]);
    expectCode(() => rollBack(harness, 2), "generation_collected");
    expect(rollBack(harness, 4)).toMatchObject({ generation: 6 });
  });

  it("keeps the pages of what it restored, and collects those of what it hid", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 1]]);
    harness.publish(2, [["a", 1]], [1]);
    harness.nowMs += HOUR_MS / 2;
    rollBack(harness, 1);
    harness.nowMs += 2 * HOUR_MS;
    expect(harness.collectable()).toEqual([2]);
    expect(harness.collectable(0, [2])).toEqual([]);
    expect(harness.version("a")).toBe(1);
    harness.publish(3, [["a", 1]], [1]);
    harness.nowMs += HOUR_MS;
    expect(harness.collectable()).toEqual([1]);
  });

  it("restores tombstones in windows of 65,536 ordinals that changed since, and no others", () => {
    const harness = new CatalogHarness({ maxRetainedGenerations: 10 });
    const documents = Array.from({ length: 70_000 }, (_, i) => [`d${i}`, 1] as const);
    harness.catalog.stage({
      segmentId: hexId(1),
      model: MODEL,
      checksum: "c1",
      pages: 2,
      documents: documents.length,
      sizeBytes: 1001,
      replaces: [],
    });
    for (let firstOrdinal = 0; firstOrdinal < documents.length; firstOrdinal += 5000) {
      const chunk = documents.slice(firstOrdinal, firstOrdinal + 5000);
      harness.catalog.locate({
        segmentId: hexId(1),
        firstOrdinal,
        documents: chunk.map(([id, version]) => [documentKey(id), version, null, null]),
      });
    }
    harness.commit(1);
    harness.publish(2, [["d3", 2]]);
    harness.publish(3, [["d69999", 2]]);
    expect(harness.tombstones()[0]).toEqual([1, [3, 69_999]]);
    rollBack(harness, 2);
    expect(harness.tombstones()).toEqual([
      [1, [3]],
      [2, []],
    ]);
    expect(harness.store.list(prefixRange(tombstonePrefix(1)))).toHaveLength(3);
  });
});

describe("pin", () => {
  it("keeps a generation and its pages until it is unpinned", () => {
    const harness = fourGenerations();
    expect(pin(harness, 3)).toEqual({ generation: 3, pinned: true, retained: true });
    expect(pin(harness, 3)).toEqual({ generation: 3, pinned: true, retained: true });
    harness.nowMs += 40 * DAY_MS;
    harness.publish(4, [["e", 1]]);
    for (let i = 0; i < 120; i++) harness.remove("e", i + 2);
    expect(harness.collectable()).toEqual([]);
    expectCode(() => harness.tombstones(2), "generation_not_found");
    expect(harness.tombstones(3)).toEqual([
      [1, [0, 1]],
      [2, []],
    ]);
    expect(rollBack(harness, 3)).toMatchObject({ withheld: 0 });
    expect(versions(harness)).toEqual([2, null, 1, 2]);
    harness.publish(
      5,
      [
        ["c", 1],
        ["a", 2],
        ["d", 2],
      ],
      [1, 2],
    );
    harness.nowMs += HOUR_MS;
    expect(harness.collectable().filter((segment) => segment <= 2)).toEqual([]);
    expect(pin(harness, 3, false)).toEqual({ generation: 3, pinned: false, retained: false });
    expect(pin(harness, 3, false)).toEqual({ generation: 3, pinned: false, retained: false });
    expect(harness.collectable().filter((segment) => segment <= 2)).toEqual([1, 2]);
  });

  it("keeps the tombstone rows that a pinned generation reads, and none between it and the retained ones", () => {
    const harness = new CatalogHarness({ maxRetainedGenerations: 2 });
    const ids = Array.from({ length: 20 }, (_, i) => `d${i}`);
    harness.publish(
      1,
      ids.map((id) => [id, 1]),
    );
    for (const id of ids.slice(0, 3)) harness.remove(id, 2);
    pin(harness, 4);
    for (const id of ids.slice(3, 15)) harness.remove(id, 2);
    expect(harness.tombstones(4)).toEqual([[1, [0, 1, 2]]]);
    expect(harness.tombstones()[0]![1]).toHaveLength(15);
    expect(harness.store.list(prefixRange(tombstonePrefix(1)))).toHaveLength(3);
  });

  it("remembers deletions for as long as a generation is kept that does not know of them", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 1]]);
    pin(harness, 1);
    harness.remove("a", 2);
    harness.nowMs += 31 * DAY_MS;
    harness.remove("x", 1); // sweeps
    expect(rollBack(harness, 1)).toMatchObject({ withheld: 1 });
    expect(harness.version("a")).toBeNull();
    pin(harness, 1, false);
    harness.nowMs += 31 * DAY_MS;
    harness.remove("y", 1);
    harness.publish(2, [["a", 1]]);
    expect(harness.version("a")).toBe(1);
  });

  it("refuses what is not there, and more than its bound", () => {
    const harness = new CatalogHarness({ generationRetentionMs: 0 });
    for (let i = 1; i <= MAX_PINS; i++) {
      harness.publish(i, [[`d${i}`, 1]]);
      pin(harness, i);
    }
    harness.publish(99, [["z", 1]]);
    expectCode(() => pin(harness, 0), "generation_collected");
    expectCode(() => pin(harness, 99), "generation_not_found");
    expectCode(() => pin(harness, 99, false), "generation_not_found");
    expectCode(() => pin(harness, MAX_PINS + 1), "too_many_pins");
    pin(harness, 7, false);
    expect(pin(harness, MAX_PINS + 1)).toMatchObject({ retained: true });
    const pinned = harness.catalog.generations().generations.filter((one) => one.pinned);
    expect(pinned).toHaveLength(MAX_PINS);
  });
});

describe("compare", () => {
  it("names the documents that one generation has and another has not, in parts", () => {
    const harness = fourGenerations();
    const compare = (of: number, against: number, limit = 5000) => {
      const found: unknown[] = [];
      let after: { segmentId: string; ordinal: number } | null = null;
      do {
        const answer = harness.catalog.compare({ of, against, after, limit });
        found.push(
          ...answer.documents.map(({ segmentId, ordinal, version, other }) => [
            Number.parseInt(segmentId, 16),
            ordinal,
            version,
            other,
          ]),
        );
        after = answer.next as typeof after;
      } while (after !== null);
      return found;
    };
    // What a rollback from 4 to 1 hides: a at version 2, of which version 1 is there, and d.
    const hidden = [
      [3, 1, 2, 1],
      [3, 2, 2, null],
    ];
    expect(compare(4, 1)).toEqual(hidden);
    expect(compare(4, 1, 1)).toEqual(hidden);
    expect(compare(1, 4)).toEqual([
      [1, 0, 1, 2],
      [1, 1, 1, null],
    ]);
    expect(compare(4, 3)).toEqual([]);
    expect(compare(3, 4)).toEqual([]);
    expect(compare(2, 3)).toEqual([[1, 1, 1, null]]);
  });

  it("refuses generations that are not there and a place in a segment that the generation has not", () => {
    const harness = fourGenerations();
    const request = { after: null, limit: 10 };
    expectCode(() => harness.catalog.compare({ ...request, of: 9, against: 1 }), "generation_not_found");
    const after = { segmentId: hexId(3), ordinal: 0 };
    expectCode(
      () => harness.catalog.compare({ of: 2, against: 1, after, limit: 10 }),
      "compare_cursor_invalid",
    );
  });
});

describe("garbage", () => {
  it("says what a collection would find and what keeps the rest, and changes nothing", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 1]]);
    harness.publish(2, [["a", 1]], [1]);
    harness.publish(3, [["b", 1]]);
    harness.prepare(4, [["c", 1]]);
    harness.catalog.abort({ segmentId: hexId(4) });
    harness.prepare(5, [["d", 1]]);
    const list = (graceMs: number) =>
      harness.catalog
        .garbage({ graceMs })
        .segments.map(({ segmentId, why, keptBy }) => [Number.parseInt(segmentId, 16), why, keptBy]);
    const before = harness.dump();
    expect(list(0)).toEqual([
      [1, "replaced", { generation: 1 }],
      [4, "given_up", null],
    ]);
    harness.nowMs += HOUR_MS;
    expect(list(2 * HOUR_MS)).toEqual([
      [1, "replaced", { untilMs: START_MS + 2 * HOUR_MS }],
      [4, "given_up", null],
      [5, "lease_expired", null],
    ]);
    expect(harness.dump()).toEqual(before);
    const offered = list(HOUR_MS).map(([segment]) => segment);
    expect(harness.collectable(HOUR_MS)).toEqual(offered);
    expect(harness.collectable(HOUR_MS, [1, 4, 5])).toEqual([]);
    harness.nowMs += 31 * DAY_MS;
    expect(list(HOUR_MS)).toEqual([
      [1, "collected_before", null],
      [4, "collected_before", null],
      [5, "collected_before", null],
    ]);
  });
});

import { describe, expect, it } from "vitest";
import { CatalogHarness, expectCode, hexId, located, MODEL, stageRequest } from "./harness.ts";

describe("commit", () => {
  it("makes the next generation with the segment at its end and pins the model", () => {
    const harness = new CatalogHarness();
    expect(harness.publish(2, [["a", 1]])).toEqual({ generation: 1, live: 1, tombstoned: 0 });
    expect(harness.publish(1, [["b", 1]])).toEqual({ generation: 2, live: 1, tombstoned: 0 });
    expect(harness.tombstones()).toEqual([
      [2, []],
      [1, []],
    ]);
    expect(harness.catalog.manifest().model).toEqual(MODEL);
    expect(harness.catalog.status().segments[1]).toEqual({
      segmentId: hexId(1),
      pages: 2,
      documents: 1,
      tombstones: 0,
      sizeBytes: 1001,
    });
  });

  it("lets the higher version win when it comes later", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [
      ["a", 1],
      ["b", 1],
    ]);
    harness.publish(2, [["a", 2]]);
    expect(harness.tombstones()).toEqual([
      [1, [0]],
      [2, []],
    ]);
    expect(harness.catalog.lookup(located([["a", 0]])[0]![0])).toEqual({
      segmentId: hexId(2),
      ordinal: 0,
      version: 2,
    });
    expect(harness.catalog.status().documents).toBe(2);
  });

  it("lets the higher version win when it came earlier: the late one is superseded", () => {
    const harness = new CatalogHarness();
    harness.accept(1, 2);
    harness.publish(1, [["a", 2, 1, 1]]);
    const answer = harness.publish(2, [
      ["b", 1],
      ["a", 1, 1, 0],
    ]);
    expect(answer).toEqual({ generation: 2, live: 1, tombstoned: 1 });
    expect(harness.tombstones()).toEqual([
      [1, []],
      [2, [1]],
    ]);
    expect(harness.outcomes(1)).toEqual(["superseded", "indexed"]);
  });

  it("keeps the committed one of equal versions: a redelivery is indexed and its ordinal born tombstoned", () => {
    const harness = new CatalogHarness();
    harness.accept(1, 2);
    harness.publish(1, [["a", 5, 1, 0]]);
    harness.publish(2, [
      ["a", 5, 1, 1],
      ["b", 1],
    ]);
    expect(harness.tombstones()).toEqual([
      [1, []],
      [2, [0]],
    ]);
    expect(harness.outcomes(1)).toEqual(["indexed", "indexed"]);
  });

  it.each([
    {
      order: "ascending",
      versions: [1, 2, 2],
      tombstones: [0, 2],
      outcomes: ["superseded", "indexed", "indexed"],
    },
    {
      order: "descending",
      versions: [3, 1, 2],
      tombstones: [1, 2],
      outcomes: ["indexed", "superseded", "superseded"],
    },
  ])("keeps one of several versions within a segment, $order", ({ versions, tombstones, outcomes }) => {
    const harness = new CatalogHarness();
    harness.accept(1, 3);
    harness.publish(
      1,
      versions.map((version, position) => ["a", version, 1, position]),
    );
    expect(harness.tombstones()).toEqual([[1, tombstones]]);
    expect(harness.outcomes(1)).toEqual(outcomes);
  });

  it("keeps the best of several versions that lie in different chunks", () => {
    const harness = new CatalogHarness();
    harness.catalog.stage(stageRequest(1, 3));
    for (const [firstOrdinal, version] of [
      [2, 7],
      [0, 7],
      [1, 6],
    ] as const) {
      const documents = located([["a", version]]);
      harness.catalog.locate({ segmentId: hexId(1), firstOrdinal, documents });
    }
    harness.commit(1);
    expect(harness.tombstones()).toEqual([[1, [1, 2]]]);
  });

  it("supersedes what a remembered deletion overtook, its own version included", () => {
    const harness = new CatalogHarness();
    harness.accept(1, 3);
    harness.remove("a", 5);
    harness.publish(1, [
      ["a", 4, 1, 0],
      ["a", 5, 1, 1],
      ["b", 1],
    ]);
    expect(harness.version("a")).toBeNull();
    harness.publish(2, [["a", 6, 1, 2]]);
    expect(harness.version("a")).toBe(6);
    expect(harness.outcomes(1)).toEqual(["superseded", "superseded", "indexed"]);
  });

  it("answers the same when repeated, even after others, and changes nothing", () => {
    const harness = new CatalogHarness();
    const answer = harness.publish(1, [["a", 1]]);
    harness.publish(2, [["a", 2]]);
    const before = harness.dump();
    expect(harness.commit(1)).toEqual(answer);
    expect(harness.dump()).toEqual(before);
  });

  it("makes no generation when a redelivered segment changes nothing, and lists no segment without documents", () => {
    const harness = new CatalogHarness();
    harness.accept(1, 1);
    harness.publish(1, [["a", 1]]);
    expect(harness.publish(2, [["a", 1, 1, 0]])).toEqual({ generation: 1, live: 0, tombstoned: 1 });
    expect(harness.outcomes(1)).toEqual(["indexed"]);
    expect(harness.catalog.ingestStatus(hexId(1)).generation).toBe(1);
    expect(harness.tombstones()).toEqual([[1, []]]);
    expect(harness.collectable()).toEqual([2]);
  });

  it("drops a segment whose last live document was overwritten", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 1]]);
    harness.publish(2, [["a", 2]]);
    expect(harness.tombstones()).toEqual([[2, []]]);
    expect(harness.tombstones(1)).toEqual([[1, []]]);
  });

  it("refuses a segment of another model than was pinned since it was staged", () => {
    const harness = new CatalogHarness();
    harness.catalog.stage({ ...stageRequest(1, 1), model: { ...MODEL, tables: "f".repeat(32) } });
    harness.catalog.locate({ segmentId: hexId(1), firstOrdinal: 0, documents: located([["a", 1]]) });
    harness.publish(2, [["a", 1]]);
    expectCode(() => harness.commit(1), "model_mismatch");
  });

  it("refuses what was never staged", () => {
    expectCode(() => new CatalogHarness().commit(1), "segment_not_staged");
  });

  it("counts windows of 65,536 ordinals apart", () => {
    const harness = new CatalogHarness();
    const documents = Array.from({ length: 70_000 }, (_, i): [string, number] => [`d${i}`, 1]);
    harness.catalog.stage(stageRequest(1, documents.length));
    for (let first = 0; first < documents.length; first += 5000) {
      harness.catalog.locate({
        segmentId: hexId(1),
        firstOrdinal: first,
        documents: located(documents.slice(first, first + 5000)),
      });
    }
    harness.commit(1);
    const changed = [0, 65_535, 65_536, 69_999];
    harness.publish(
      2,
      changed.map((i) => [`d${i}`, 2]),
    );
    expect(harness.tombstones()[0]).toEqual([1, changed]);
    // past 4,096 tombstones of a window the bitmap form is taken
    const many = Array.from({ length: 5000 }, (_, i): [string, number] => [`d${i * 13}`, 3]);
    harness.publish(3, many);
    expect(harness.tombstones()[0]![1]).toEqual(
      [...new Set([...many.map((_, i) => i * 13), ...changed])].sort((a, b) => a - b),
    );
    expect(harness.catalog.status().documents).toBe(70_000);
  });
});

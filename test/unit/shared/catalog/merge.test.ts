import { describe, expect, it } from "vitest";
import { CatalogHarness, expectCode } from "./harness.ts";

/** Three live segments: 1 holds a and b, 2 holds c and a newer b, 3 holds d. */
function threeSegments(): CatalogHarness {
  const harness = new CatalogHarness();
  harness.publish(1, [
    ["a", 1],
    ["b", 1],
  ]);
  harness.publish(2, [
    ["c", 1],
    ["b", 2],
  ]);
  harness.publish(3, [["d", 1]]);
  return harness;
}

describe("merge commit", () => {
  it("takes the place of the first replaced segment, and every document stays as it was", () => {
    const harness = threeSegments();
    const answer = harness.publish(
      9,
      [
        ["a", 1],
        ["d", 1],
      ],
      [3, 1],
    );
    expect(answer).toEqual({ generation: 4, live: 2, tombstoned: 0 });
    expect(harness.tombstones()).toEqual([
      [9, []],
      [2, []],
    ]);
    expect(["a", "b", "c", "d"].map((id) => harness.version(id))).toEqual([1, 2, 1, 1]);
    expect(harness.catalog.status().documents).toBe(4);
  });

  it("bears tombstoned what was overwritten or deleted since it was merged", () => {
    const harness = threeSegments();
    harness.prepare(
      9,
      [
        ["a", 1],
        ["c", 1],
        ["b", 2],
      ],
      [1, 2],
    );
    harness.publish(4, [["c", 5]]);
    harness.remove("b", 7);
    expect(harness.commit(9)).toMatchObject({ live: 1, tombstoned: 2 });
    expect(["a", "b", "c", "d"].map((id) => harness.version(id))).toEqual([1, null, 5, 1]);
    expect(harness.catalog.status().documents).toBe(3);
  });

  it("bears tombstoned what was a tombstone in a replaced segment already", () => {
    const harness = threeSegments();
    const answer = harness.publish(
      9,
      [
        ["b", 1],
        ["a", 1],
      ],
      [1],
    );
    expect(answer).toMatchObject({ live: 1, tombstoned: 1 });
    expect(harness.version("b")).toBe(2);
  });

  it("refuses to lose a document, and changes nothing then", () => {
    const harness = threeSegments();
    harness.prepare(9, [["a", 1]], [1, 2]);
    const before = harness.dump();
    expectCode(() => harness.commit(9), "merge_conflict");
    expect(harness.dump()).toEqual(before);
  });

  it("refuses a document that was merged at another version than the live one", () => {
    const harness = threeSegments();
    harness.prepare(9, [["d", 2]], [3]);
    expectCode(() => harness.commit(9), "merge_conflict");
  });

  it("counts a document that lies twice in the merged segment once", () => {
    const harness = threeSegments();
    const twice = [
      ["a", 1],
      ["a", 1],
    ] as const;
    expect(harness.publish(9, twice, [1])).toMatchObject({ live: 1, tombstoned: 1 });
    harness.prepare(
      10,
      [
        ["b", 2],
        ["b", 2],
      ],
      [2],
    );
    expectCode(() => harness.commit(10), "merge_conflict"); // c is missing, the second b does not stand for it
  });

  it("refuses when a replaced segment is not live any more, or never was", () => {
    const harness = threeSegments();
    harness.prepare(8, [["d", 1]], [3]);
    harness.publish(9, [["d", 1]], [3]);
    expectCode(() => harness.commit(8), "merge_conflict");
    harness.prepare(10, [["d", 1]], [77]);
    expectCode(() => harness.commit(10), "merge_conflict");
  });

  it("leaves no segment behind when nothing is alive any more", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [
      ["a", 1],
      ["b", 1],
    ]);
    harness.prepare(
      9,
      [
        ["a", 1],
        ["b", 1],
      ],
      [1],
    );
    harness.remove("a", 2);
    harness.remove("b", 2);
    expect(harness.tombstones()).toEqual([]);
    expect(harness.commit(9)).toEqual({ generation: 3, live: 0, tombstoned: 2 });
    expect(harness.tombstones()).toEqual([]);
    expect(harness.catalog.status().documents).toBe(0);
  });
});

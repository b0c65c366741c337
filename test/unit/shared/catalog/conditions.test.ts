import { describe, expect, it } from "vitest";
import { documentKey } from "../../../../shared/catalog/document-key.ts";
import { kindPrefix } from "../../../../shared/catalog/keys.ts";
import { prefixRange } from "../../../../shared/catalog/ordered-store.ts";
import { CatalogHarness, DAY_MS, expectCode, hexId, MINUTE_MS, SETTINGS } from "./harness.ts";

/** Document a is at version 5; ingests 1 to 9 have nine positions each. */
function withA(): CatalogHarness {
  const harness = new CatalogHarness();
  for (let ingest = 1; ingest <= 9; ingest++) harness.accept(ingest, 9);
  harness.publish(1, [["a", 5]]);
  return harness;
}

const failureOf = (harness: CatalogHarness, ingest: number, position = 0) =>
  harness.catalog.ingestStatus(hexId(ingest)).documents[position];

describe("conditional writes at the commit", () => {
  it("go in when the document is at that version, or when there is none", () => {
    const harness = withA();
    harness.publish(2, [
      ["a", 6, 1, 0, 5],
      ["b", 1, 1, 1, null],
    ]);
    expect([harness.version("a"), harness.version("b")]).toEqual([6, 1]);
    expect(harness.outcomes(1).slice(0, 2)).toEqual(["indexed", "indexed"]);
    expect(harness.tombstones()).toEqual([[2, []]]);
  });

  it("fail with version_conflict otherwise, and leave the document as it was", () => {
    const harness = withA();
    const answer = harness.publish(2, [
      ["a", 7, 1, 0, 4],
      ["a", 8, 1, 1, null],
      ["b", 1, 1, 2, 3],
    ]);
    expect(answer).toEqual({ generation: 1, live: 0, tombstoned: 3 });
    expect([harness.version("a"), harness.version("b")]).toEqual([5, null]);
    expect(failureOf(harness, 1, 0)).toEqual({
      position: 0,
      outcome: "failed",
      code: "version_conflict",
      message: "the document is at version 5, the write is for version 4",
    });
    expect(failureOf(harness, 1, 1)).toMatchObject({
      message: "the document is at version 5, the write is for a new document",
    });
    expect(failureOf(harness, 1, 2)).toMatchObject({
      message: "there is no such document, the write is for version 3",
    });
  });

  it("of two that were made from one version, one goes in, whichever comes first", () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const harness = withA();
      for (const at of order) harness.publish(2 + at, [["a", 6 + at, 1 + at, 0, 5]]);
      const [first, second] = order as [number, number];
      expect(harness.version("a")).toBe(6 + first);
      expect(harness.outcomes(1 + first)[0]).toBe("indexed");
      expect(failureOf(harness, 1 + second)).toMatchObject({ outcome: "failed", code: "version_conflict" });
    }
  });

  it("of two that have even the same version, one goes in", () => {
    const harness = withA();
    harness.publish(2, [["a", 6, 1, 0, 5]]);
    harness.publish(3, [["a", 6, 2, 0, 5]]);
    expect(harness.outcomes(1)[0]).toBe("indexed");
    expect(failureOf(harness, 2)).toMatchObject({ outcome: "failed", code: "version_conflict" });
    const twins = withA();
    twins.publish(2, [
      ["a", 6, 1, 0, 5],
      ["a", 6, 2, 0, 5],
    ]);
    expect([twins.outcomes(1)[0], twins.outcomes(2)[0]]).toEqual(["indexed", "failed"]);
  });

  it("hold in a chain that comes in one segment, in the order of versions", () => {
    const harness = withA();
    const answer = harness.publish(2, [
      ["a", 8, 1, 2, 7],
      ["a", 6, 1, 0, 5],
      ["z", 1, 1, 3],
      ["a", 7, 1, 1, 6],
    ]);
    expect(answer).toMatchObject({ live: 2, tombstoned: 2 });
    expect(harness.version("a")).toBe(8);
    expect(harness.outcomes(1).slice(0, 4)).toEqual(["superseded", "superseded", "indexed", "indexed"]);
  });

  it("find the place of a winner that is not the highest version of its segment", () => {
    const harness = withA();
    harness.publish(2, [
      ["x", 1, 1, 0],
      ["a", 9, 1, 1, 1],
      ["a", 6, 1, 2, 5],
    ]);
    expect(harness.catalog.lookup(documentKey("a"))).toEqual({
      segmentId: hexId(2),
      ordinal: 2,
      version: 6,
    });
    expect(harness.tombstones()).toEqual([[2, [1]]]);
    harness.publish(3, [["a", 7, 2, 0]]);
    expect(harness.tombstones()).toEqual([
      [2, [1, 2]],
      [3, []],
    ]);
    harness.publish(
      4,
      [
        ["x", 1],
        ["a", 7],
      ],
      [2, 3],
    );
    expect(harness.version("a")).toBe(7);
  });

  it("stand beside unconditional writes of the same document", () => {
    const harness = withA();
    harness.publish(2, [
      ["a", 6, 1, 0],
      ["a", 7, 1, 1, 5],
      ["a", 4, 1, 2],
    ]);
    expect(harness.version("a")).toBe(6);
    expect(harness.outcomes(1).slice(0, 3)).toEqual(["indexed", "failed", "superseded"]);
  });

  it("leave superseded what is live already and comes again with the write that overtakes it", () => {
    const harness = withA();
    harness.publish(2, [
      ["a", 5, 1, 0],
      ["a", 6, 1, 1, 5],
    ]);
    expect(harness.version("a")).toBe(6);
    expect(harness.outcomes(1).slice(0, 2)).toEqual(["superseded", "indexed"]);
  });

  it("give way to a deletion of their version or a later one", () => {
    const harness = new CatalogHarness();
    harness.accept(1, 2);
    harness.remove("a", 6);
    harness.publish(1, [["a", 6, 1, 0, null]]);
    expect([harness.version("a"), harness.outcomes(1)[0]]).toEqual([null, "superseded"]);
    harness.publish(2, [["a", 7, 1, 1, null]]);
    expect([harness.version("a"), harness.outcomes(1)[1]]).toEqual([7, "indexed"]);
  });

  it("stay decided when they are delivered again", () => {
    const harness = withA();
    harness.publish(2, [["a", 6, 1, 0, 5]]);
    harness.publish(3, [["a", 6, 1, 0, 5]]);
    expect(harness.outcomes(1)[0]).toBe("indexed");
    harness.publish(4, [["a", 7, 2, 0]]);
    harness.publish(5, [["a", 6, 1, 0, 5]]);
    expect(harness.outcomes(1)[0]).toBe("indexed");
    expect(harness.version("a")).toBe(7);
  });

  it("stay failed when they are delivered again, although their condition would hold by then", () => {
    const harness = withA();
    harness.publish(2, [["a", 7, 1, 0, 6]]);
    const told = failureOf(harness, 1);
    expect(told).toMatchObject({ outcome: "failed", code: "version_conflict" });
    harness.publish(3, [["a", 6, 2, 0, 5]]);
    harness.publish(4, [["a", 7, 1, 0, 6]]);
    expect(harness.version("a")).toBe(6);
    expect(failureOf(harness, 1)).toEqual(told);
    harness.remove("a", 9);
    harness.publish(5, [["a", 7, 1, 0, 6]]);
    expect(failureOf(harness, 1)).toEqual(told);
    harness.catalog.settle({
      outcomes: [{ ingestId: hexId(1), position: 0, outcome: "dead", code: "other", message: "late" }],
    });
    expect(failureOf(harness, 1)).toEqual(told);
  });

  it("leave no row behind", () => {
    const harness = withA();
    const rows = () => harness.store.list(prefixRange(kindPrefix("w"))).length;
    harness.publish(2, [["a", 6, 1, 0, 5]]);
    harness.prepare(3, [["a", 7, 2, 0, 6]]);
    expect(rows()).toBe(1);
    harness.catalog.abort({ segmentId: hexId(3) });
    expect(harness.collectable(0, [3])).toEqual([]);
    expect(rows()).toBe(0);
  });
});

describe("conditional writes at their acceptance", () => {
  const accept = (harness: CatalogHarness, conditions: [string, number | null][]) =>
    harness.catalog.accept({
      ingestId: hexId(77),
      positions: conditions.length,
      rejected: [],
      digest: "d",
      conditions: conditions.map(([id, ifVersion], position) => ({
        position,
        key: documentKey(id),
        ifVersion,
      })),
    });

  it("fail at once when their condition can never hold any more, and only then", () => {
    const harness = withA();
    harness.remove("gone", 3);
    const answer = accept(harness, [
      ["a", 4], // it is at 5 already
      ["a", null],
      ["a", 5],
      ["a", 6], // may still be on its way
      ["gone", 3], // deleted at 3
      ["gone", 4],
      ["new", null],
      ["new", 1],
    ]);
    expect(answer.pending).toEqual([2, 3, 5, 6, 7]);
    expect(answer.conflicts).toEqual([
      { position: 0, message: "the document is at version 5, the write is for version 4" },
      { position: 1, message: "the document is at version 5, the write is for a new document" },
      { position: 4, message: "there is no such document, the write is for version 3" },
    ]);
    expect(failureOf(harness, 77, 1)).toMatchObject({ outcome: "failed", code: "version_conflict" });
    expect(harness.catalog.status().pending).toBe(9 * 9 + 5);
  });

  it("give the same answer again, whatever has happened meanwhile, with what failed since", () => {
    const harness = withA();
    const first = accept(harness, [
      ["a", 5],
      ["a", 4],
      ["b", null],
    ]);
    expect(
      accept(harness, [
        ["a", 5],
        ["a", 4],
        ["b", null],
      ]),
    ).toEqual(first);
    harness.publish(2, [["a", 9]]);
    harness.publish(3, [["a", 10, 77, 0, 5]]);
    const again = accept(harness, [
      ["a", 5],
      ["a", 4],
      ["b", null],
    ]);
    expect(again.pending).toEqual([2]);
    expect(again.conflicts!.map(({ position }) => position)).toEqual([0, 1]);
  });
});

describe("conditional deletions", () => {
  it("delete only the version that they name, and remember nothing otherwise", () => {
    const harness = withA();
    expect(harness.remove("a", 9, 4).outcomes).toEqual(["conflict"]);
    expect(harness.remove("b", 9, 1).outcomes).toEqual(["conflict"]);
    harness.publish(2, [["b", 2]]);
    expect([harness.version("a"), harness.version("b")]).toEqual([5, 2]);
    expect(harness.remove("a", 9, 5).outcomes).toEqual(["deleted"]);
    expect(harness.version("a")).toBeNull();
  });
});

describe("deletions with an Idempotency-Key", () => {
  const sequence = () => new CatalogHarness({}, { ...SETTINGS, versions: "sequence" });
  const remove = (harness: CatalogHarness, id: string, digest = "d", removal = 1) =>
    harness.catalog.remove({
      documents: [{ key: documentKey(id), version: null }],
      removal: { id: hexId(removal), digest },
    });

  it("are done once: a repetition deletes nothing that was written meanwhile", () => {
    const harness = sequence();
    harness.publish(1, [["a", 1]]);
    const answer = remove(harness, "a");
    expect(answer).toEqual({ generation: 2, outcomes: ["deleted"] });
    const { firstVersion } = harness.accept(4, 1);
    harness.publish(2, [["a", firstVersion, 4, 0]]);
    expect(remove(harness, "a")).toEqual(answer);
    expect(harness.version("a")).toBe(firstVersion);
    expect(remove(harness, "a", "d", 2)).toMatchObject({ outcomes: ["deleted"] });
  });

  it("refuse a key that stands for another request, of either kind", () => {
    const harness = sequence();
    remove(harness, "a");
    expectCode(() => remove(harness, "b", "e"), "idempotency_conflict");
    expectCode(() => harness.accept(1, 1), "idempotency_conflict");
    harness.accept(5, 1);
    expectCode(() => remove(harness, "a", "d", 5), "idempotency_conflict");
  });

  it("are forgotten as late as ingests", () => {
    const harness = sequence();
    remove(harness, "a");
    harness.nowMs += 30 * DAY_MS + MINUTE_MS;
    remove(harness, "b", "e", 2);
    expect(remove(harness, "b", "e", 1)).toMatchObject({ outcomes: ["absent"] });
    expect(harness.store.list(prefixRange(kindPrefix("r")))).toHaveLength(2);
    expect(harness.store.list(prefixRange(kindPrefix("y")))).toHaveLength(2);
  });
});

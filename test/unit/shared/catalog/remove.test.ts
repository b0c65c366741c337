import { describe, expect, it } from "vitest";
import { documentKey } from "../../../../shared/catalog/document-key.ts";
import { CatalogHarness, DAY_MS, expectCode, SETTINGS } from "./harness.ts";

describe("remove", () => {
  it("deletes live documents in one new generation and tells how each ended, in request order", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [
      ["a", 1],
      ["b", 9],
      ["c", 1],
    ]);
    const documents = ["z", "c", "b", "a"].map((id) => ({ key: documentKey(id), version: 5 }));
    expect(harness.catalog.remove({ documents })).toEqual({
      generation: 2,
      outcomes: ["absent", "deleted", "superseded", "deleted"],
    });
    expect(harness.tombstones()).toEqual([[1, [0, 2]]]);
    expect(harness.catalog.status().documents).toBe(1);
  });

  it("deletes at the very version of the write", () => {
    const harness = new CatalogHarness();
    harness.publish(1, [["a", 5]]);
    expect(harness.remove("a", 5).outcomes).toEqual(["deleted"]);
  });

  it("makes no generation when nothing was live", () => {
    const harness = new CatalogHarness();
    expect(harness.remove("a", 5)).toEqual({ generation: 0, outcomes: ["absent"] });
  });

  it("remembers the highest version of a document that was absent", () => {
    const harness = new CatalogHarness();
    harness.remove("a", 5);
    harness.remove("a", 3);
    harness.publish(1, [
      ["a", 4],
      ["b", 1],
    ]);
    expect(harness.version("a")).toBeNull();
  });

  it("assigns the version itself with sequence versions, after all writes accepted before", () => {
    const harness = new CatalogHarness({}, { ...SETTINGS, versions: "sequence" });
    const { firstVersion } = harness.accept(1, 2);
    expect(harness.remove("a", null).outcomes).toEqual(["absent"]);
    const later = harness.accept(2, 1).firstVersion;
    harness.publish(1, [
      ["a", firstVersion, 1, 0],
      ["b", firstVersion + 1, 1, 1],
    ]);
    expect(harness.version("a")).toBeNull();
    harness.publish(2, [["a", later, 2, 0]]);
    expect(harness.version("a")).toBe(later);
    expect(harness.outcomes(1)).toEqual(["superseded", "indexed"]);
    expectCode(() => harness.remove("a", 9), "version_not_allowed");
  });

  it("needs a version with external versions", () => {
    expectCode(() => new CatalogHarness().remove("a", null), "version_required");
  });

  it("forgets a deletion after its retention, counted from the last one of the document", () => {
    const harness = new CatalogHarness();
    harness.remove("a", 5);
    harness.nowMs += 20 * DAY_MS;
    harness.remove("a", 6);
    harness.nowMs += 29 * DAY_MS;
    harness.remove("x", 1); // sweeps
    harness.publish(1, [["a", 6]]);
    expect(harness.version("a")).toBeNull();
    harness.nowMs += 2 * DAY_MS;
    harness.remove("x", 1);
    harness.publish(2, [["a", 6]]);
    expect(harness.version("a")).toBe(6);
  });
});

describe("lookup", () => {
  it("returns null for a document that was never there, is only staged, or is deleted", () => {
    const harness = new CatalogHarness();
    harness.prepare(1, [["a", 1]]);
    expect([harness.version("a"), harness.version("b")]).toEqual([null, null]);
    harness.commit(1);
    expect(harness.version("a")).toBe(1);
    harness.remove("a", 1);
    expect(harness.version("a")).toBeNull();
  });
});

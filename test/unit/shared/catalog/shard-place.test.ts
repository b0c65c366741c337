import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { documentKey } from "../../../../shared/catalog/document-key.ts";
import { formatShardPlace, parseShardPlace, placeOfKey } from "../../../../shared/catalog/shard-place.ts";

describe("placeOfKey", () => {
  it("cuts keys into equal ranges, whose ends are where they must stay", () => {
    expect(placeOfKey("00000000".padEnd(32, "f"), 3)).toBe(1);
    expect(placeOfKey("55555555".padEnd(32, "f"), 3)).toBe(1);
    expect(placeOfKey("55555556".padEnd(32, "0"), 3)).toBe(2);
    expect(placeOfKey("aaaaaaaa".padEnd(32, "f"), 3)).toBe(2);
    expect(placeOfKey("aaaaaaab".padEnd(32, "0"), 3)).toBe(3);
    expect(placeOfKey("f".repeat(32), 3)).toBe(3);
  });

  it("stays what it is for known ids, computed apart: an index depends on it", () => {
    const places = ["a", "b", "doc-1", "doc-2", "é", "😀"].map((id) => placeOfKey(documentKey(id), 30));
    expect(places).toEqual([24, 8, 22, 12, 9, 29]);
  });

  it("gives every key a place, in the order of keys, and each shard its share", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer({ min: 1, max: 30 }), (left, right, of) => {
        const [low, high] = [documentKey(left), documentKey(right)].sort();
        const [first, last] = [placeOfKey(low!, of), placeOfKey(high!, of)];
        expect(first).toBeGreaterThanOrEqual(1);
        expect(last).toBeLessThanOrEqual(of);
        expect(first).toBeLessThanOrEqual(last);
      }),
    );
    const counts = new Array<number>(7).fill(0);
    for (let at = 0; at < 7000; at++) counts[placeOfKey(documentKey(`d${at}`), 7) - 1]!++;
    expect(Math.min(...counts)).toBeGreaterThan(880);
  });
});

describe("parseShardPlace", () => {
  it("reads what formatShardPlace writes, and nothing else", () => {
    expect(parseShardPlace(formatShardPlace({ place: 3, of: 8 }))).toEqual({ place: 3, of: 8 });
    for (const text of [
      "",
      "3",
      "0/3",
      "4/3",
      "1/31",
      "01/3",
      "1/3 ",
      "1 / 3",
      "-1/3",
      "1/3/5",
      null,
      undefined,
    ]) {
      expect(parseShardPlace(text), String(text)).toBeNull();
    }
  });
});

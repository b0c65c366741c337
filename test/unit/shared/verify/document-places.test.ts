import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { documentKey } from "../../../../shared/catalog/document-key.ts";
import { DocumentPlaces } from "../../../../shared/verify/document-places.ts";

describe("DocumentPlaces", () => {
  it("does what a map of the first places does", () => {
    // Keys with equal words, so that probing and comparing all four words matter.
    const word = fc.constantFrom("00000000", "00000001", "ffffffff", "80000000");
    const key = fc.tuple(word, word, word, word).map((words) => words.join(""));
    fc.assert(
      fc.property(fc.array(key, { maxLength: 300 }), (keys) => {
        const places = new DocumentPlaces();
        const model = new Map<string, { segment: number; ordinal: number }>();
        keys.forEach((each, ordinal) => {
          const place = { segment: ordinal % 3, ordinal };
          expect(places.add(each, place)).toEqual(model.get(each) ?? null);
          if (!model.has(each)) model.set(each, place);
        });
        expect(places.size).toBe(model.size);
      }),
    );
  });

  it("keeps every key while it grows", () => {
    const places = new DocumentPlaces();
    const keys = Array.from({ length: 5000 }, (_, at) => documentKey(`document ${at}`));
    for (const [ordinal, key] of keys.entries()) expect(places.add(key, { segment: 0, ordinal })).toBeNull();
    for (const [ordinal, key] of keys.entries()) {
      expect(places.add(key, { segment: 1, ordinal: 0 })).toEqual({ segment: 0, ordinal });
    }
    expect(places.size).toBe(5000);
  });
});

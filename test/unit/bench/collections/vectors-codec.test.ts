import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dropZeroImpacts } from "../../../bench/collections/impacts.ts";
import { decodeRows, encodeRows, joinRows, toRows } from "../../../bench/collections/vectors-codec.ts";

const row = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 }),
    fc.uniqueArray(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 }),
  )
  .map(([terms, own]) => ({
    termIds: Uint32Array.from(terms).sort(),
    weights: Float32Array.from(terms, (term) => (term + 1) / 1000),
    ownTermIds: Uint32Array.from(own).sort(),
  }));

describe("encodeRows", () => {
  it("gives a block that decodes to the same rows, wherever it lies", () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 10 }), fc.integer({ min: 0, max: 7 }), (documents, shift) => {
        const rows = toRows(documents);
        const block = encodeRows(rows);
        const buffer = new Uint8Array(block.length + shift);
        buffer.set(block, shift);
        expect(decodeRows(buffer.subarray(shift))).toEqual(rows);
      }),
    );
  });

  it("refuses a block that is cut off or of another kind", () => {
    const block = encodeRows(
      toRows([{ termIds: Uint32Array.of(1), weights: Float32Array.of(2), ownTermIds: Uint32Array.of(1) }]),
    );
    expect(() => decodeRows(block.subarray(0, 7))).toThrow("cut off in its header");
    expect(() => decodeRows(block.subarray(0, -1))).toThrow("bytes, not");
    expect(() => decodeRows(block.map((byte) => byte ^ 1))).toThrow("not a chunk");
  });
});

describe("joinRows", () => {
  it("returns the rows of all parts, one after the other", () => {
    fc.assert(
      fc.property(fc.array(fc.array(row, { maxLength: 4 }), { minLength: 1, maxLength: 4 }), (parts) => {
        const joined = joinRows(parts.map((part) => toRows(part).vectors));
        expect(joined).toEqual(toRows(parts.flat()).vectors);
      }),
    );
  });
});

describe("dropZeroImpacts", () => {
  it("leaves out what rounds to 0 from all arrays, and says how many", () => {
    const rows = toRows([
      {
        termIds: Uint32Array.of(3, 5, 9),
        weights: Float32Array.of(1, 0.001, 4),
        ownTermIds: Uint32Array.of(5),
      },
      { termIds: Uint32Array.of(2), weights: Float32Array.of(0.5), ownTermIds: Uint32Array.of() },
    ]);
    expect(dropZeroImpacts(rows, 2)).toEqual({
      vectors: { indptr: Uint32Array.of(0, 2, 3), terms: Uint16Array.of(3, 9, 2) },
      weights: Float32Array.of(1, 4, 0.5),
      impacts: Uint8Array.of(128, 255, 64),
      dropped: 1,
      clipped: 1,
    });
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader, ByteWriter } from "../../../../shared/format/bytes.ts";
import { decodeTombstones, encodeTombstones } from "../../../../shared/format/tombstones.ts";
import { ascendingArbitrary, errorCodeOf } from "./support.ts";

function decode(bytes: Iterable<number>, count: number, documents: number): Uint32Array {
  return decodeTombstones(
    new ByteReader(Uint8Array.from(bytes), { key: "key", baseOffset: 36 }),
    count,
    documents,
  );
}

describe("encodeTombstones and decodeTombstones", () => {
  it("give back the ordinals", () => {
    fc.assert(
      fc.property(ascendingArbitrary(2 ** 28 - 2, 50), (ordinals) => {
        const writer = new ByteWriter();
        encodeTombstones(writer, ordinals);
        expect(decode(writer.view(), ordinals.length, 2 ** 28 - 1)).toEqual(ordinals);
      }),
    );
  });

  it("refuse ordinals that repeat or pass the documents, and fewer than there should be", () => {
    expect([...decode([0, 1, 8], 3, 10)]).toEqual([0, 1, 9]);
    expect(errorCodeOf(() => decode([0, 0, 8], 3, 10))).toBe("page_corrupt");
    expect(errorCodeOf(() => decode([0, 1, 9], 3, 10))).toBe("page_corrupt");
    expect(errorCodeOf(() => decode([10], 1, 10))).toBe("page_corrupt");
    expect(errorCodeOf(() => decode([0], 1, 0))).toBe("page_corrupt");
    expect(errorCodeOf(() => decode([0, 1], 3, 10))).toBe("page_corrupt");
    expect(errorCodeOf(() => decode([0], 2 ** 32 - 1, 2 ** 28))).toBe("page_corrupt");
  });
});

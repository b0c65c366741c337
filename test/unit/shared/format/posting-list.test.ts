import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../../shared/format/bytes.ts";
import {
  accumulatePostings,
  decodePostings,
  encodePostingList,
  type PostingListPlace,
} from "../../../../shared/format/posting-list.ts";
import { ascendingArbitrary, errorCodeOf } from "./support.ts";

const MAX_ORDINAL = 2 ** 28 - 2;

function placeOf(
  bytes: Uint8Array,
  count: number,
  maxImpact: number,
  documents = MAX_ORDINAL + 1,
): PostingListPlace {
  const payload = Uint8Array.of(0xee, 0xee, ...bytes, 0xee);
  return {
    key: "key",
    payload,
    offset: 2,
    length: bytes.length,
    documentFrequency: count,
    maxImpact,
    documents,
  };
}

const ordinalsArbitrary = fc.oneof(
  ...[10, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, MAX_ORDINAL].map((max) =>
    ascendingArbitrary(max, 40),
  ),
);

describe("encodePostingList, decodePostings and accumulatePostings", () => {
  it("give back ordinals and impacts of any size", () => {
    fc.assert(
      fc.property(
        ordinalsArbitrary,
        fc.infiniteStream(fc.integer({ min: 1, max: 255 })),
        (ordinals, stream) => {
          const impacts = Uint8Array.from(ordinals, () => stream.next().value);
          const writer = new ByteWriter();
          encodePostingList(writer, ordinals, impacts, 0, ordinals.length);
          const place = placeOf(writer.view(), ordinals.length, Math.max(0, ...impacts));
          expect(decodePostings(place)).toEqual({ ordinals, impacts });
        },
      ),
      { numRuns: 300 },
    );
  });

  it("add weight times impact to what is there", () => {
    const writer = new ByteWriter();
    encodePostingList(writer, Uint32Array.of(9, 1, 4, 300, 9), Uint8Array.of(9, 2, 255, 7, 9), 1, 4);
    const sums = new Int32Array(301).fill(10);
    accumulatePostings(placeOf(writer.view(), 3, 255, 301), 1000, sums);
    expect([sums[0], sums[1], sums[4], sums[300]]).toEqual([10, 2010, 255_010, 7010]);
  });

  it.each([
    ["a repeated ordinal", [3, 0, 9, 9], 2, 9],
    ["an ordinal past the documents", [3, 97, 9, 9], 2, 9],
    ["a first ordinal past the documents", [100, 9], 1, 9],
    ["an impact of 0", [3, 1, 9, 0], 2, 9],
    ["a maximal impact that no posting has", [3, 1, 9, 8], 2, 10],
    ["an impact above the maximum", [3, 1, 9, 8], 2, 8],
    ["a gap that is padded", [0x83, 0, 9], 1, 9],
    ["a gap that is padded twice", [0x83, 0x80, 0, 9], 1, 9],
    ["a gap that is padded thrice", [0x83, 0x80, 0x80, 0, 9], 1, 9],
    ["a gap of five bytes", [0x80, 0x80, 0x80, 0x80, 1, 9], 1, 9],
    ["a gap that runs into the impacts", [3, 0x80, 9, 9], 2, 9],
    ["bytes between ordinals and impacts", [3, 1, 1, 9, 9], 2, 9],
    ["fewer bytes than two a posting", [3, 9, 9], 2, 9],
  ])("refuse %s", (_, bytes, count, maxImpact) => {
    const place = placeOf(Uint8Array.from(bytes), count, maxImpact, 100);
    expect(errorCodeOf(() => decodePostings(place))).toBe("page_corrupt");
    expect(errorCodeOf(() => accumulatePostings(place, 1, new Int32Array(100)))).toBe("page_corrupt");
  });

  it("refuse a list that does not end inside the page", () => {
    const place = { ...placeOf(Uint8Array.of(3, 9), 1, 9, 100), length: 4 };
    expect(errorCodeOf(() => decodePostings(place))).toBe("page_corrupt");
  });
});

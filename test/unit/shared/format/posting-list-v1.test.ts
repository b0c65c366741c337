import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../../shared/format/bytes.ts";
import {
  decodePostingsV1,
  encodePostingListV1,
  type PostingListPlaceV1,
} from "../../../../shared/format/posting-list-v1.ts";
import { ascendingArbitrary, errorCodeOf } from "./support.ts";

const MAX_ORDINAL = 2 ** 28 - 2;

function placeOf(
  bytes: Uint8Array,
  count: number,
  maxImpact: number,
  documents = MAX_ORDINAL + 1,
): PostingListPlaceV1 {
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

describe("encodePostingListV1 and decodePostingsV1", () => {
  it("give back ordinals and impacts of any size", () => {
    fc.assert(
      fc.property(
        ordinalsArbitrary,
        fc.infiniteStream(fc.integer({ min: 1, max: 255 })),
        (ordinals, stream) => {
          const impacts = Uint8Array.from(ordinals, () => stream.next().value);
          const writer = new ByteWriter();
          encodePostingListV1(writer, ordinals, impacts, 0, ordinals.length);
          const place = placeOf(writer.view(), ordinals.length, Math.max(0, ...impacts));
          expect(decodePostingsV1(place)).toEqual({ ordinals, impacts });
        },
      ),
      { numRuns: 300 },
    );
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
    expect(errorCodeOf(() => decodePostingsV1(place))).toBe("page_corrupt");
  });

  it("refuse a list that does not end inside the page", () => {
    const place = { ...placeOf(Uint8Array.of(3, 9), 1, 9, 100), length: 4 };
    expect(errorCodeOf(() => decodePostingsV1(place))).toBe("page_corrupt");
  });
});

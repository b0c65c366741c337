import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32c } from "../../../../shared/format/crc32c.ts";
import {
  decodePage,
  encodePage,
  MAX_PAGE_BYTES,
  PAGE_HEADER_BYTES,
  PAGE_KIND,
} from "../../../../shared/format/page.ts";
import { errorCodeOf, OTHER_SEGMENT_ID, SEGMENT_ID, segmentIdArbitrary } from "./support.ts";

const EXPECTED = { key: "index/segment/7", kind: PAGE_KIND.postings, owner: SEGMENT_ID, page: 7 };

describe("encodePage and decodePage", () => {
  it("give back the payload", () => {
    const kinds = fc.constantFrom(...Object.values(PAGE_KIND));
    fc.assert(
      fc.property(
        kinds,
        segmentIdArbitrary,
        fc.nat(2 ** 32 - 1),
        fc.uint8Array(),
        (kind, owner, page, payload) => {
          const value = encodePage(kind, owner, page, payload);
          expect(value.length).toBe(PAGE_HEADER_BYTES + payload.length);
          expect(decodePage(value, { key: "key", kind, owner, page })).toEqual(payload);
        },
      ),
    );
  });

  it("lay the header out as FORMAT.md says", () => {
    const value = encodePage(PAGE_KIND.postings, SEGMENT_ID, 7, Uint8Array.of(0xaa, 0xbb));
    const checksum = crc32c(Uint8Array.of(...value.subarray(0, 32), 0xaa, 0xbb));
    const view = new DataView(value.buffer);
    expect(new TextDecoder().decode(value.subarray(0, 4))).toBe("LZRO");
    expect([...value.subarray(4, 8)]).toEqual([2, 2, 0, 0]);
    expect(Buffer.from(value.subarray(8, 24)).toString("hex")).toBe(SEGMENT_ID);
    expect(view.getUint32(24, true)).toBe(7);
    expect(view.getUint32(28, true)).toBe(2);
    expect(view.getUint32(32, true)).toBe(checksum);
    expect([...value.subarray(36)]).toEqual([0xaa, 0xbb]);
  });

  it("tell a value that is no page, or another page, from a corrupt one", () => {
    const value = encodePage(PAGE_KIND.postings, SEGMENT_ID, 7, Uint8Array.of(1, 2, 3));
    const changes = [{ kind: PAGE_KIND.documents }, { owner: OTHER_SEGMENT_ID }, { page: 8 }];
    for (const change of changes) {
      expect(errorCodeOf(() => decodePage(value, { ...EXPECTED, ...change }))).toBe("page_unexpected");
    }
    expect(errorCodeOf(() => decodePage(new TextEncoder().encode("<html>".repeat(9)), EXPECTED))).toBe(
      "page_unexpected",
    );
    expect(decodePage(value, EXPECTED)).toEqual(Uint8Array.of(1, 2, 3));
  });

  it("tell a newer version, whatever follows it", () => {
    const value = encodePage(PAGE_KIND.postings, SEGMENT_ID, 7, Uint8Array.of(1, 2, 3)).fill(0xee, 5);
    value[4] = 3;
    expect(() => decodePage(value, EXPECTED)).toThrowError(
      expect.objectContaining({
        code: "page_version_newer",
        details: { key: EXPECTED.key, offset: 4, expected: 2, actual: 3 },
      }),
    );
    value[4] = 0;
    expect(errorCodeOf(() => decodePage(value, EXPECTED))).toBe("page_corrupt");
  });

  it("refuse a reserved field that is not zero, checksum or not", () => {
    const value = encodePage(PAGE_KIND.postings, SEGMENT_ID, 7, new Uint8Array(0));
    value[7] = 1;
    new DataView(value.buffer).setUint32(32, crc32c(value.subarray(0, 32)), true);
    expect(errorCodeOf(() => decodePage(value, EXPECTED))).toBe("page_corrupt");
  });

  it("refuse to write what KV does not take, and an owner that is none", () => {
    expect(
      errorCodeOf(() => encodePage(PAGE_KIND.postings, SEGMENT_ID, 7, new Uint8Array(MAX_PAGE_BYTES - 35))),
    ).toBe("page_too_large");
    for (const owner of ["", "0".repeat(31), "G".repeat(32), SEGMENT_ID.toUpperCase()]) {
      expect(errorCodeOf(() => encodePage(PAGE_KIND.postings, owner, 0, new Uint8Array(0)))).toBe(
        "page_owner_invalid",
      );
    }
  });
});

import { describe, expect, it } from "vitest";
import { ByteWriter, readU32, writeU32 } from "../../../../shared/format/bytes.ts";
import {
  type DocumentPlace,
  decodeDocument,
  decodeDocumentHead,
  decodeOwnTermIds,
  encodeDocumentBody,
  encodeDocumentRecord,
} from "../../../../shared/format/document-page.ts";
import { errorCodeOf, sampleDocuments } from "./support.ts";

const DOCUMENTS = sampleDocuments(5);

/** Ordinals 1 to 3 of five, behind two other bytes. */
function place(): DocumentPlace {
  const records = DOCUMENTS.slice(1, 4).map((document) => {
    const writer = new ByteWriter();
    encodeDocumentRecord(writer, document);
    return writer.view();
  });
  const body = new ByteWriter();
  body.u16(0xeeee);
  encodeDocumentBody(body, records, 1);
  return {
    key: "key",
    payload: body.view().slice(),
    offset: 2,
    length: body.length - 2,
    firstOrdinal: 1,
    count: 3,
  };
}

describe("a run of documents", () => {
  it("gives back each document alone", () => {
    for (const ordinal of [1, 2, 3]) {
      const { id, version, fields, ownTermIds } = DOCUMENTS[ordinal]!;
      expect(decodeDocument(place(), ordinal)).toEqual({ id, version, fields });
      expect(decodeDocumentHead(place(), ordinal)).toEqual({ id, version });
      expect(decodeOwnTermIds(place(), ordinal)).toEqual(ownTermIds);
    }
  });

  it("refuses an ordinal that it does not hold", () => {
    for (const ordinal of [0, 4, -1, Number.NaN]) {
      expect(errorCodeOf(() => decodeDocument(place(), ordinal))).toBe("ordinal_out_of_range");
    }
  });

  it("names the entry of the offset table that is wrong", () => {
    const table = 2 + 8;
    const wrong: [ordinal: number, entry: number, value: (offset: number) => number][] = [
      [1, 1, (offset) => offset + 1000],
      [2, 1, (offset) => offset + 1000],
      [3, 3, (offset) => offset + 1],
      [3, 2, () => 0xffff_ffff],
      [2, 2, () => 0],
    ];
    for (const [ordinal, entry, change] of wrong) {
      const damaged = place();
      const at = table + 4 * entry;
      writeU32(damaged.payload, at, change(readU32(damaged.payload, at)));
      expect(() => decodeDocument(damaged, ordinal)).toThrowError(
        expect.objectContaining({
          code: "page_corrupt",
          details: expect.objectContaining({ key: "key", offset: 36 + table + 4 * (ordinal - 1) }),
        }),
      );
    }
  });

  it("refuses a record that says more or less than it has room for", () => {
    const damaged = place();
    const records = 2 + 8 + 16;
    damaged.payload[records] = 0;
    expect(errorCodeOf(() => decodeDocument(damaged, 1))).toBe("page_corrupt");
    damaged.payload[records] = 0x7f;
    expect(errorCodeOf(() => decodeDocument(damaged, 1))).toBe("page_corrupt");
    const flagged = place();
    const flagsAt = records + 1 + "document-1".length + 3;
    expect(flagged.payload[flagsAt]).toBe(4);
    flagged.payload[flagsAt] = 8;
    expect(errorCodeOf(() => decodeDocument(flagged, 1))).toBe("page_corrupt");
  });

  it("refuses metadata of another shape", () => {
    for (const metadata of [[1], 7, "text", { a: { b: 1 } }, { a: [[1]] }]) {
      const [document] = DOCUMENTS;
      const writer = new ByteWriter();
      const fields = { title: null, text: "", url: null, metadata: metadata as never };
      encodeDocumentRecord(writer, { ...document!, fields });
      const records = writer.view().slice();
      const body = new ByteWriter();
      encodeDocumentBody(body, [records], 0);
      const payload = body.view().slice();
      const run = { key: "key", payload, offset: 0, length: payload.length, firstOrdinal: 0, count: 1 };
      expect(errorCodeOf(() => decodeDocument(run, 0))).toBe("page_corrupt");
    }
  });
});

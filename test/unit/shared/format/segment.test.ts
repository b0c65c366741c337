import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DOCUMENT_PAGE_BYTES, INLINE_SEGMENT_BYTES } from "../../../../shared/format/limits.ts";
import { MAX_PAGE_BYTES } from "../../../../shared/format/page.ts";
import { WINDOW_ORDINALS } from "../../../../shared/format/posting-list.ts";
import {
  decodePostingList,
  decodeSegmentRoot,
  decodeStoredOwnTermIds,
} from "../../../../shared/format/segment-reader.ts";
import { encodeSegment } from "../../../../shared/format/segment-writer.ts";
import {
  documentArbitrary,
  dumpSegment,
  errorCodeOf,
  expectedDump,
  openSegment,
  optionsArbitrary,
  SEGMENT_ID,
  sampleDocuments,
  segmentIdArbitrary,
} from "./support.ts";

describe("encodeSegment and the segment reader", () => {
  it("give back every posting, frequency and document, whatever the layout", () => {
    fc.assert(
      fc.property(
        segmentIdArbitrary,
        fc.array(documentArbitrary, { maxLength: 12 }),
        optionsArbitrary,
        (segmentId, documents, options) => {
          const segment = encodeSegment(segmentId, documents, options);
          const open = openSegment(segment);
          expect(dumpSegment(open)).toEqual(expectedDump(documents));
          expect(open.root.documents).toBe(documents.length);
          expect(open.root.postings).toBe(segment.postings);
          expect(open.root.checksum).toBe(segment.checksum);
          expect(open.root.pages).toBe(segment.pages.length);
          documents.forEach((document, ordinal) => {
            const page = open.payloads[open.root.documentPageOf(ordinal).page]!;
            expect(decodeStoredOwnTermIds(open.root, page, ordinal)).toEqual(document.ownTermIds);
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  it("find every term and no other", () => {
    const { root } = openSegment(encodeSegment(SEGMENT_ID, sampleDocuments()));
    const known = new Set([...root.entries()].map(({ termId }) => termId));
    expect([...known]).toEqual([3, 5, 200, 201, 202, 203, 204, 205, 30_000]);
    for (let termId = 0; termId < 31_000; termId++)
      expect(root.find(termId) !== null).toBe(known.has(termId));
    expect(root.find(5)).toMatchObject({ documentFrequency: 0, textFrequency: 6, maxImpact: 0, length: 0 });
  });

  it("make one page of a small segment and several of a large one", () => {
    const text = "x".repeat(1000);
    const documents = sampleDocuments(2000).map((document) => ({
      ...document,
      fields: { ...document.fields, text },
    }));
    const small = encodeSegment(SEGMENT_ID, documents.slice(0, 200));
    expect(small.pages).toHaveLength(1);
    expect(small.sizeBytes).toBeLessThanOrEqual(INLINE_SEGMENT_BYTES);
    const large = encodeSegment(SEGMENT_ID, documents);
    expect(large.sizeBytes).toBeGreaterThan(INLINE_SEGMENT_BYTES);
    expect(large.pages.length).toBeGreaterThanOrEqual(10);
    for (const page of large.pages) expect(page.length).toBeLessThan(DOCUMENT_PAGE_BYTES + 2000);
  });

  it("split a list between windows when it is longer than a part", () => {
    const documents = Array.from({ length: 3 * WINDOW_ORDINALS }, (_, ordinal) => ({
      ...sampleDocuments(1)[0]!,
      fields: { title: null, text: "", url: null, metadata: null },
      termIds: ordinal % 3 === 0 ? Uint32Array.of(7, 9) : Uint32Array.of(9),
      impacts: ordinal % 3 === 0 ? Uint8Array.of(1 + (ordinal % 31), 5) : Uint8Array.of(5),
      ownTermIds: new Uint32Array(0),
    }));
    const segment = encodeSegment(SEGMENT_ID, documents, { listPartBytes: 20_000 });
    const { root, payloads } = openSegment(segment);
    expect(root.find(7)).toMatchObject({ page: 1, pages: 3 });
    const list = decodePostingList(root, (page) => payloads[page]!, root.find(7)!);
    expect(list.ordinals).toHaveLength(WINDOW_ORDINALS);
    expect(list.ordinals.every((ordinal, at) => ordinal === 3 * at)).toBe(true);
    expect(list.impacts.every((impact, at) => impact === 1 + ((3 * at) % 31))).toBe(true);
  });

  it("give a large posting list a page of its own and pack the others", () => {
    const documents = sampleDocuments(40).map((document, ordinal) => ({
      ...document,
      termIds: Uint32Array.of(1, 2, 1000 + ordinal),
      impacts: Uint8Array.of(1, 2, 3),
    }));
    const options = { inlineBytes: 0, largeListBytes: 5, postingPageBytes: 50 };
    const segment = encodeSegment(SEGMENT_ID, documents, options);
    const { root } = openSegment(segment);
    expect(root.find(1)).toMatchObject({ page: 1, pages: 1, offset: 0 });
    expect(root.find(2)).toMatchObject({ page: 2, pages: 1, offset: 0 });
    expect(root.find(1000)).toMatchObject({ page: 3, offset: 0 });
    expect(root.find(1001)).toMatchObject({ page: 3, offset: root.find(1000)!.length });
    expect(dumpSegment(openSegment(segment))).toEqual(expectedDump(documents));
  });

  it("refuse a record that no page can hold", () => {
    const [document] = sampleDocuments(1);
    const huge = { ...document!, fields: { ...document!.fields, text: "x".repeat(MAX_PAGE_BYTES) } };
    expect(errorCodeOf(() => encodeSegment(SEGMENT_ID, [huge]))).toBe("page_too_large");
  });

  it("refuse invalid input, naming the ordinal", () => {
    const [document] = sampleDocuments(1);
    const wrong = [
      { ...document!, id: "" },
      { ...document!, version: -1 },
      { ...document!, version: 2 ** 53 },
      { ...document!, version: 0.5 },
      { ...document!, termIds: Uint32Array.of(1, 1, 2) },
      { ...document!, termIds: Uint32Array.of(3, 2, 5) },
      { ...document!, termIds: Uint32Array.of(1, 2, 2 ** 20) },
      { ...document!, impacts: Uint8Array.of(1, 2) },
      { ...document!, impacts: Uint8Array.of(1, 0, 2) },
      { ...document!, ownTermIds: Uint32Array.of(9, 9) },
    ];
    for (const bad of wrong) {
      expect(() => encodeSegment(SEGMENT_ID, [document!, bad])).toThrowError(
        expect.objectContaining({
          code: "segment_input_invalid",
          details: expect.objectContaining({ ordinal: 1 }),
        }),
      );
    }
  });

  it("refuse a root of another segment", () => {
    const segment = encodeSegment(SEGMENT_ID, sampleDocuments());
    expect(errorCodeOf(() => decodeSegmentRoot(segment.pages[0]!, "f".repeat(32), "i/s/0"))).toBe(
      "page_unexpected",
    );
  });

  it("refuse an ordinal that the segment does not have", () => {
    const { root } = openSegment(encodeSegment(SEGMENT_ID, sampleDocuments()));
    for (const ordinal of [-1, 6, 0.5 + 6, Number.NaN]) {
      expect(errorCodeOf(() => root.documentPageOf(ordinal))).toBe("ordinal_out_of_range");
    }
  });
});

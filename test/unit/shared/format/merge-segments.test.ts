import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { documentKey } from "../../../../shared/catalog/document-key.ts";
import { clusterDocuments } from "../../../../shared/format/cluster-documents.ts";
import { mergeSegments } from "../../../../shared/format/merge-segments.ts";
import { decodeStoredDocument } from "../../../../shared/format/segment-reader.ts";
import { encodeSegment } from "../../../../shared/format/segment-writer.ts";
import type { SegmentDocument } from "../../../../shared/format/stored-document.ts";
import {
  documentArbitrary,
  errorCodeOf,
  openSegment,
  optionsArbitrary,
  SEGMENT_ID,
  sampleDocuments,
  sampleSegment,
} from "./support.ts";

const planArbitrary = fc
  .array(fc.tuple(documentArbitrary, fc.boolean()), { maxLength: 10 })
  .chain((marked) => fc.record({ marked: fc.constant(marked), options: optionsArbitrary }));

function inputOf(place: number, documents: SegmentDocument[], tombstones: number[], options = {}) {
  const segment = encodeSegment(place.toString(16).padStart(32, "0"), documents, options);
  return { root: openSegment(segment).root, pages: segment.pages, tombstones: Uint32Array.from(tombstones) };
}

/** One of four topics, each with terms of its own. */
function topicDocument(at: number): SegmentDocument {
  const topic = at % 4;
  return {
    id: `${at}`,
    version: at,
    fields: { title: null, text: `${topic}`, url: null, metadata: null },
    termIds: Uint32Array.from(
      { length: 20 },
      (_, term) => topic * 1000 + term * 3 + (((at >> 2) % (term + 2)) % 3),
    ),
    impacts: new Uint8Array(20).fill(100),
    ownTermIds: Uint32Array.of(topic),
  };
}

/** Documents in blocks of equal size, each clustered by itself. */
function clusterBlocks(documents: readonly SegmentDocument[], blockDocuments: number): SegmentDocument[] {
  const size = Math.ceil(documents.length / Math.ceil(documents.length / blockDocuments));
  const ordered: SegmentDocument[] = [];
  for (let first = 0; first < documents.length; first += size) {
    const block = documents.slice(first, first + size);
    for (const place of clusterDocuments(block)) ordered.push(block[place]!);
  }
  return ordered;
}

describe("mergeSegments", () => {
  it("gives byte for byte what encodeSegment gives from the surviving documents, in the order asked for", () => {
    const orderArbitrary = fc.constantFrom("given", "clustered");
    const plansArbitrary = fc.array(planArbitrary, { maxLength: 4 });
    const sizeArbitrary = fc.constantFrom(1, 3, 500, Number.POSITIVE_INFINITY);
    fc.assert(
      fc.property(
        plansArbitrary,
        optionsArbitrary,
        orderArbitrary,
        sizeArbitrary,
        sizeArbitrary,
        (plans, options, order, blockDocuments, bucketBytes) => {
          const inputs = plans.map(({ marked, options }, place) =>
            inputOf(
              place,
              marked.map(([document]) => document),
              marked.flatMap(([, dead], ordinal) => (dead ? [ordinal] : [])),
              options,
            ),
          );
          const given = plans.flatMap(({ marked }) =>
            marked.filter(([, dead]) => !dead).map(([document]) => document),
          );
          const survivors = order === "given" ? given : clusterBlocks(given, blockDocuments);
          const merged = mergeSegments(SEGMENT_ID, inputs, {
            ...options,
            order,
            blockDocuments,
            bucketBytes,
          });
          expect(merged.segment).toEqual(encodeSegment(SEGMENT_ID, survivors, options));
          expect(merged.documents).toEqual(
            survivors.map(({ id, version }) => ({ key: documentKey(id), version })),
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  it("clusters blocks one after another, each within itself, when it may not take all documents at once", () => {
    const documents = Array.from({ length: 700 }, (_, at) => topicDocument((at * 7) % 700));
    const inputs = [documents.slice(0, 130), documents.slice(130, 500), documents.slice(500)].map(
      (part, place) => inputOf(place, part, []),
    );
    const merge = (blockDocuments: number, bucketBytes = Number.POSITIVE_INFINITY) =>
      mergeSegments(SEGMENT_ID, inputs, { order: "clustered", inlineBytes: 0, blockDocuments, bucketBytes });
    for (const size of [100, 233, 350, 700]) {
      const expected = encodeSegment(SEGMENT_ID, clusterBlocks(documents, size), { inlineBytes: 0 });
      expect(merge(size).segment).toEqual(expected);
      expect(merge(size, 2000).segment).toEqual(expected);
    }
    expect(merge(350).segment).not.toEqual(merge(700).segment);
  });

  it("asks for the pages of an input about in the order of their numbers, few of them again", () => {
    const documents = Array.from({ length: 700 }, (_, at) => topicDocument(at));
    const asked: number[] = [];
    const options = { inlineBytes: 0, postingPageBytes: 300, documentPageBytes: 700, largeListBytes: 150 };
    const { root, pages, tombstones } = inputOf(0, documents, [5, 9, 600], options);
    const counting = {
      at: (page: number) => {
        asked.push(page);
        return pages[page];
      },
    };
    expect(pages.length).toBeGreaterThan(50);
    mergeSegments(SEGMENT_ID, [{ root, pages: counting, tombstones }], { order: "clustered" });
    // Lists for the order, lists for the segment, documents, and the two pages that hold tombstones.
    expect(asked.length).toBeLessThanOrEqual(2 * pages.length + 4);
    expect(new Set(asked).size).toBe(pages.length - 1);
  });

  it("lays documents of the same terms together when asked to, whatever segments they come from", () => {
    const documents = Array.from({ length: 720 }, (_, at) => topicDocument(at));
    const inputs = [documents.slice(0, 300), documents.slice(300)].map((part, place) =>
      inputOf(place, part, [5, 9]),
    );
    const { segment } = mergeSegments(SEGMENT_ID, inputs, { order: "clustered", inlineBytes: 0 });
    const { root, payloads } = openSegment(segment);
    const topics = Array.from({ length: root.documents }, (_, ordinal) => {
      const page = root.documentPageOf(ordinal).page;
      return decodeStoredDocument(root, payloads[page]!, ordinal).fields.text;
    });
    const changes = topics.filter((topic, at) => at > 0 && topic !== topics[at - 1]).length;
    expect(changes).toBeLessThan(40);
  });

  it("gives an empty segment of nothing, and of nothing but tombstones", () => {
    const empty = encodeSegment(SEGMENT_ID, []);
    expect(mergeSegments(SEGMENT_ID, [])).toEqual({ segment: empty, documents: [] });
    const dead = inputOf(1, sampleDocuments(3), [0, 1, 2]);
    expect(mergeSegments(SEGMENT_ID, [dead])).toEqual({ segment: empty, documents: [] });
  });

  it("refuses tombstones out of order or range and absent pages", () => {
    const segment = sampleSegment({ inlineBytes: 0 });
    const { root } = openSegment(segment);
    const merge = (pages: Uint8Array[], ...tombstones: number[]) =>
      errorCodeOf(() =>
        mergeSegments(SEGMENT_ID, [{ root, pages, tombstones: Uint32Array.from(tombstones) }]),
      );
    expect(merge(segment.pages, 2, 4)).toBe("none");
    expect(merge(segment.pages, 4, 2)).toBe("segment_input_invalid");
    expect(merge(segment.pages, 2, 2)).toBe("segment_input_invalid");
    expect(merge(segment.pages, 6)).toBe("segment_input_invalid");
    expect(merge(segment.pages.slice(0, 2))).toBe("segment_input_invalid");
    expect(merge([segment.pages[0]!, segment.pages[2]!, segment.pages[1]!])).toBe("page_unexpected");
  });

  it("refuses a page of an equal number that is not the one the root was written with", () => {
    const [first, ...rest] = sampleDocuments();
    const other = encodeSegment(SEGMENT_ID, [{ ...first!, impacts: Uint8Array.of(7, 255, 9) }, ...rest], {
      inlineBytes: 0,
    });
    const segment = sampleSegment({ inlineBytes: 0 });
    const { root } = openSegment(segment);
    const pages = [segment.pages[0]!, other.pages[1]!, segment.pages[2]!];
    expect(
      errorCodeOf(() => mergeSegments(SEGMENT_ID, [{ root, pages, tombstones: new Uint32Array(0) }])),
    ).toBe("page_corrupt");
  });
});

import { describe, expect, it } from "vitest";
import { randomOf } from "../../../bench/collections/random.ts";
import { exactHits, type LabQuery, listLengths } from "../../../bench/layouts/lab.ts";
import { packFormat1, packLists, readsOf } from "../../../bench/layouts/layouts.ts";
import { givenOrder, reorderLists } from "../../../bench/layouts/orders.ts";
import { pageDocuments, pagesUnder, reorderRecords } from "../../../bench/layouts/records.ts";
import { proveByLayers } from "../../../bench/layouts/sections/layers.ts";
import { buildSegment, LabIndex } from "../../../bench/layouts/segments.ts";
import type { InvertedLists } from "../../../bench/peers/inverted-lists.ts";

const DOCUMENTS = 3000;
const TERMS = 80;

/** Lists of all densities, and records of all sizes. */
function makeInput(seed: number) {
  const random = randomOf(seed);
  const offsets = new Uint32Array(TERMS + 1);
  const ordinals: number[] = [];
  for (let term = 0; term < TERMS; term++) {
    const share = term % 7 === 0 ? 0 : random() ** 3;
    for (let ordinal = 0; ordinal < DOCUMENTS; ordinal++) if (random() < share) ordinals.push(ordinal);
    offsets[term + 1] = ordinals.length;
  }
  const lists: InvertedLists = {
    documents: DOCUMENTS,
    offsets,
    ordinals: Uint32Array.from(ordinals),
    impacts: Uint8Array.from(ordinals, () => 1 + Math.floor(255 * random() ** 2)),
  };
  // id, version, flags, text, no own terms
  const texts = Array.from({ length: DOCUMENTS }, () => Math.floor(100 * random()));
  const record = (length: number) => [1, 0x78, 0, 0, length, ...new Array<number>(length).fill(0x61), 0];
  const ends = new Float64Array(DOCUMENTS + 1);
  texts.forEach((length, at) => {
    ends[at + 1] = ends[at]! + length + 6;
  });
  return { lists, records: { bytes: Uint8Array.from(texts.flatMap(record)), ends }, random };
}

describe("a layout in numbers", () => {
  it("has the values that the segment assembly writes and the reads that a search makes", async () => {
    const { lists, records, random } = makeInput(1);
    const [large, pack, part, documentPage] = [600, 1500, 1 << 20, 4000];
    const segment = buildSegment(lists, records, {
      inlineBytes: 0,
      largeListBytes: large,
      postingPageBytes: pack,
      listPartBytes: part,
      documentPageBytes: documentPage,
    });
    const layout = packLists(listLengths(lists), { largeBytes: large, packBytes: pack, partBytes: part });
    const pages = pageDocuments(records.ends, documentPage);
    expect([...layout.sizes, ...pages.sizes]).toEqual(segment.pages.slice(1).map(({ length }) => length));

    const index = new LabIndex(segment, 3);
    for (let turn = 0; turn < 30; turn++) {
      const terms = Array.from({ length: TERMS }, (_, term) => term).filter(() => random() < 0.1);
      const query = { text: "", terms, weights: terms.map(() => 1 + Math.floor(random() * 500)) };
      const trace = await index.trace(query);
      const ascending = (sizes: readonly number[]) => sizes.toSorted((a, b) => a - b);
      expect(ascending(trace.postings)).toEqual(ascending(readsOf(terms, layout)));
      expect(trace.hits).toEqual(exactHits(lists, query).hits);
      expect(ascending(trace.documents)).toEqual(ascending(pagesUnder(trace.hits, pages)));
    }
  });

  it("packs in another order without losing a list, and splits the largest", () => {
    const lengths = Uint32Array.of(10, 0, 400, 90, 1000, 30);
    const packOrder = [5, 4, 3, 2, 1, 0];
    const layout = packLists(lengths, { largeBytes: 350, packBytes: 100, partBytes: 600, packOrder });
    // 400; 600 + 400; 30; 90 and 10: each with its header and the room behind lists.
    expect(layout.sizes).toEqual([440, 640, 440, 70, 140]);
    expect(readsOf([4], layout)).toEqual([640, 440]);
    expect(readsOf([0, 1, 3, 5], layout)).toEqual([140, 70]);
  });

  it("packs format 1 in the order of terms alone", () => {
    const layout = packFormat1(Uint32Array.of(10, 0, 400, 90, 1000, 30), 128);
    expect(layout.sizes).toEqual([46, 436, 126, 1036, 66]);
    expect(readsOf([0, 5], layout)).toEqual([46, 66]);
  });
});

describe("reordered input", () => {
  it("says the same of the same documents", () => {
    const { lists, records, random } = makeInput(2);
    const order = givenOrder(DOCUMENTS).sort(() => random() - 0.5);
    const moved = reorderLists(lists, order);
    for (let term = 0; term < TERMS; term++) {
      const postings = ({ offsets, ordinals, impacts }: InvertedLists, name: (ordinal: number) => number) =>
        Array.from(ordinals.subarray(offsets[term], offsets[term + 1]), (ordinal, at) => [
          name(ordinal),
          impacts[offsets[term]! + at]!,
        ]).sort(([a], [b]) => a! - b!);
      expect(postings(moved, (place) => order[place]!)).toEqual(postings(lists, (document) => document));
      const own = moved.ordinals.slice(moved.offsets[term], moved.offsets[term + 1]);
      expect(own).toEqual(own.slice().sort());
    }
    const { bytes, ends } = reorderRecords(records, order);
    order.forEach((document, place) => {
      expect(bytes.subarray(ends[place], ends[place + 1])).toEqual(
        records.bytes.subarray(records.ends[document], records.ends[document + 1]),
      );
    });
  });
});

describe("proveByLayers", () => {
  // Ten documents that all four lists have at the largest impact; the others are in two lists each, at a small one.
  const perTerm = [0, 1, 2, 3].map((term) =>
    Array.from({ length: 500 }, (_, document) => document).filter(
      (document) => document % 50 === 0 || document % 4 === term || document % 4 === (term + 1) % 4,
    ),
  );
  const offsets = Uint32Array.from([0, 1, 2, 3, 4], (term) =>
    perTerm.slice(0, term).reduce((sum, list) => sum + list.length, 0),
  );
  const ordinals = Uint32Array.from(perTerm.flat());
  const listsOf = (small: number): InvertedLists => ({
    documents: 500,
    offsets,
    ordinals,
    impacts: Uint8Array.from(ordinals, (document) => (document % 50 === 0 ? 255 : small)),
  });
  const prove = (lists: InvertedLists, firstShare: number) => {
    const query = { text: "", terms: [0, 1, 2, 3], weights: [1, 1, 1, 1] };
    const known: LabQuery = { set: "short", ...query, ...exactHits(lists, query) };
    return proveByLayers(lists, new Uint32Array(4).fill(1 << 20), known, firstShare);
  };

  it("reads first layers alone where ten documents stand out", () => {
    expect(prove(listsOf(9), 0.1)).toMatchObject({ lists: 4, large: 4, reads: 4 });
  });

  it("reads second layers until what is unread cannot lift another document", () => {
    // Nothing is in the first layers: three of four lists must be read before ten documents of 765 so far are safe.
    expect(prove(listsOf(9), 0)).toMatchObject({ reads: 7 });
  });
});

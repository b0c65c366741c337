import { beforeEach, describe, expect, it } from "vitest";
import { type InspectOptions, runInspect } from "../../../../batch/commands/inspect.ts";
import type { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { manifestKey, pageKey } from "../../../../shared/storage/keys.ts";
import { INDEX, SEGMENTS, wholeIndex, writeManifest } from "../../shared/verify/support.ts";

let store: MemoryStore;
beforeEach(async () => {
  const index = await wholeIndex();
  await writeManifest(index);
  store = index.store;
});

async function inspect(options: Partial<InspectOptions>): Promise<string> {
  const printed: string[] = [];
  await runInspect(
    { index: INDEX, state: ".lzero", limit: 20, ...options },
    { openReader: async () => store, print: (text) => printed.push(text) },
  );
  return printed.join("\n");
}

async function inspectJson(options: Partial<InspectOptions>): Promise<unknown> {
  return JSON.parse(await inspect({ ...options, json: true }));
}

describe("lzero inspect --index", () => {
  it("lists the segments with documents, tombstones, pages and bytes", async () => {
    const sizes = await Promise.all(
      [0, 1].map(async (at) => {
        const keys = store.keys().filter((key) => key.startsWith(`${INDEX}/${SEGMENTS[at]}/`));
        const values = await Promise.all(keys.map((key) => store.read(key)));
        return values.reduce((sum, value) => sum + value!.length, 0);
      }),
    );
    const segments = [
      { segmentId: SEGMENTS[0], documents: 4, tombstones: 1, pages: 8, sizeBytes: sizes[0]! },
      { segmentId: SEGMENTS[1], documents: 4, tombstones: 0, pages: 1, sizeBytes: sizes[1]! },
    ];
    expect(await inspectJson({})).toMatchObject({
      index: INDEX,
      generation: 7,
      segments,
      totals: { documents: 8, tombstones: 1, pages: 9, sizeBytes: sizes[0]! + sizes[1]! },
    });
    const text = await inspect({});
    expect(text).toContain("demo, generation 7 of 2023-11-14T22:13:20.000Z");
    expect(text).toContain("2 segments, 7 live documents, 1 tombstones, 9 pages");
    expect(text).toMatch(new RegExp(`\n${SEGMENTS[0]} +4 +1 +8 +${sizes[0]}\n`));
  });

  it("throws index_not_found", async () => {
    await store.delete([manifestKey(INDEX)]);
    await expect(inspect({})).rejects.toMatchObject({ code: "index_not_found" });
  });
});

describe("lzero inspect --segment", () => {
  it("lists pages, found by the beginning of the id", async () => {
    const view = (await inspectJson({ segment: "11" })) as { pageList: { sizeBytes: number }[] };
    expect(view).toMatchObject({
      segmentId: SEGMENTS[0],
      postings: 10,
      terms: 4,
      deletedOrdinals: [2],
      pageList: [
        { page: 0, kind: "root", lists: 0, documents: 0, firstOrdinal: null },
        { page: 1, kind: "postings", lists: 1 },
        { page: 2, kind: "postings", lists: 1 },
        { page: 3, kind: "postings", lists: 1 },
        { page: 4, kind: "documents", documents: 1, firstOrdinal: 0 },
        { page: 5, kind: "documents", documents: 1, firstOrdinal: 1 },
        { page: 6, kind: "documents", documents: 1, firstOrdinal: 2 },
        { page: 7, kind: "documents", documents: 1, firstOrdinal: 3 },
      ],
    });
    for (const [page, { sizeBytes }] of view.pageList.entries()) {
      expect(sizeBytes).toBe((await store.read(pageKey(INDEX, SEGMENTS[0], page)))!.length);
    }
    const text = await inspect({ segment: SEGMENTS[0], limit: 3 });
    expect(text).toContain("4 documents, 1 of them tombstoned (ordinals 2)");
    expect(text).toContain("and 5 more: --limit shows more");
  });

  it("shows the lists and the documents of a page", async () => {
    expect(await inspectJson({ segment: "1", page: 2 })).toMatchObject({
      kind: "postings",
      lists: [
        { termId: 6, piece: "spider", idf: 7.25, documentFrequency: 4, textFrequency: 0, maxImpact: 14 },
      ],
      documents: [],
    });
    expect(await inspectJson({ segment: "1", page: 6 })).toMatchObject({
      kind: "documents",
      lists: [],
      documents: [{ ordinal: 2, id: "a-2", version: 102, isDeleted: true, text: "text a 2" }],
    });
    const whole = await inspect({ segment: "2", page: 0 });
    expect(whole).toMatch(/6 +spider +4 +0 +13/);
    expect(whole).toMatch(/0 +live +900 +a-2 +Title 2 · text a 2/);
    expect(await inspect({ segment: "1", page: 0 })).toContain("the directories of the other pages");
  });

  it("refuses a segment and a page that are not there, and what does not go together", async () => {
    await expect(inspect({ segment: "3" })).rejects.toMatchObject({ code: "segment_not_found" });
    await expect(inspect({ segment: "" })).rejects.toMatchObject({
      code: "segment_not_found",
      message: expect.stringContaining("2 segments"),
    });
    await expect(inspect({ segment: "1", page: 8 })).rejects.toMatchObject({ code: "page_out_of_range" });
    await expect(inspect({ page: 1 })).rejects.toMatchObject({ code: "inspect_invalid" });
    await expect(inspect({ term: "fear", document: "a-1" })).rejects.toMatchObject({
      code: "inspect_invalid",
    });
  });

  it("throws the decoder's error with the key of a damaged page", async () => {
    const key = pageKey(INDEX, SEGMENTS[0], 2);
    await store.write([{ key, value: (await store.read(key))!.with(40, 0) }]);
    await expect(inspect({ segment: "1", page: 2 })).rejects.toMatchObject({
      code: "page_corrupt",
      details: { key },
    });
  });
});

describe("lzero inspect --term", () => {
  it("sums the lists over segments and gives the best live postings with their documents", async () => {
    const view = await inspectJson({ term: "fear", limit: 3 });
    expect(view).toMatchObject({
      termId: 5,
      piece: "fear",
      idf: 5.5,
      documentFrequency: 8,
      textFrequency: 8,
      maxImpact: 4,
      livePostings: 7,
      lists: [
        { segmentId: SEGMENTS[0], documentFrequency: 4, textFrequency: 4, maxImpact: 4, page: 1 },
        { segmentId: SEGMENTS[1], documentFrequency: 4, textFrequency: 4, maxImpact: 3, page: 0 },
      ],
      topPostings: [
        { id: "a-3", impact: 4, segmentId: SEGMENTS[0], ordinal: 3 },
        // The older copy of a-2, with the same impact, is tombstoned.
        { id: "a-2", impact: 3, segmentId: SEGMENTS[1], ordinal: 0 },
        { id: "b-2", impact: 3, segmentId: SEGMENTS[1], ordinal: 3 },
      ],
    });
    const { topPostings } = view as { topPostings: { weight: number }[] };
    expect(topPostings[0]!.weight).toBeCloseTo(0.04, 10);
    const text = await inspect({ term: "fear", limit: 3 });
    expect(text).toContain("term 5 fear (IDF 5.500)");
    expect(text).toMatch(/\n +4 +0\.040 +a-3 +1{32} +3\n/);
    expect(text).toContain("and 4 more");
  });

  it("takes a piece first, a number as an id where no piece is written so, and id: always", async () => {
    expect(await inspectJson({ term: "7" })).toMatchObject({ termId: 8, piece: "7" });
    expect(await inspectJson({ term: "id:7" })).toMatchObject({ termId: 7, piece: "##s" });
    expect(await inspectJson({ term: "9" })).toMatchObject({ termId: 9, piece: "web" });
    expect(await inspectJson({ term: "##s" })).toMatchObject({
      termId: 7,
      documentFrequency: 0,
      textFrequency: 2,
      topPostings: [],
    });
    expect(await inspect({ term: "id:99" })).toContain("no document has it");
    await expect(inspect({ term: "Fear" })).rejects.toMatchObject({ code: "term_not_found" });
  });
});

describe("lzero inspect --document", () => {
  it("says where the live copy lies, what is stored, and its vector by impact", async () => {
    expect(await inspectJson({ document: "a-2" })).toMatchObject({
      id: "a-2",
      version: 900,
      segmentId: SEGMENTS[1],
      ordinal: 0,
      page: 0,
      key: pageKey(INDEX, SEGMENTS[1], 0),
      fields: { title: "Title 2", text: "text a 2", url: null, metadata: { n: 2 } },
      terms: [
        { termId: 9, piece: "web", impact: 23, isOwn: false, idf: 4 },
        { termId: 6, piece: "spider", impact: 13, isOwn: false },
        { termId: 5, piece: "fear", impact: 3, isOwn: true },
      ],
      ownWithoutPosting: [],
    });
  });

  it("rebuilds a vector from lists over several pages, with own tokens that have no posting", async () => {
    const view = await inspectJson({ document: "a-1" });
    expect(view).toMatchObject({
      segmentId: SEGMENTS[0],
      ordinal: 1,
      page: 5,
      terms: [
        { termId: 6, impact: 12, isOwn: false },
        { termId: 5, impact: 2, isOwn: true },
      ],
      ownWithoutPosting: [{ termId: 7, piece: "##s" }],
    });
    const text = await inspect({ document: "a-1" });
    expect(text).toContain("2 terms: 1 of its own, 1 that the model added");
    expect(text).toMatch(/6 +spider +12 +0\.120 +7\.250 +expanded\n/);
    expect(text).toContain("own without a posting: ##s (IDF 0.500)");
  });

  it("throws document_not_found, and says so when only a deleted copy is left", async () => {
    await expect(inspect({ document: "nobody" })).rejects.toMatchObject({ code: "document_not_found" });
    const whole = await wholeIndex();
    const [first] = whole.manifest.segments;
    await writeManifest({ ...whole, manifest: { ...whole.manifest, segments: [first!] } });
    store = whole.store;
    await expect(inspect({ document: "a-2" })).rejects.toMatchObject({
      code: "document_not_found",
      message: expect.stringContaining(`it was deleted, and segment ${SEGMENTS[0]} still has its record`),
    });
  });
});

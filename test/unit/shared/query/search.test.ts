import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SegmentRoot } from "../../../../shared/format/segment-reader.ts";
import { search, searchSegments } from "../../../../shared/query/search.ts";
import { MAX_READS_AT_ONCE, ReaderSegmentSource } from "../../../../shared/query/segment-source.ts";
import { sampleDocuments } from "../format/support.ts";
import { bruteForce, buildIndex, MAX_WEIGHT, planArbitrary, queryArbitrary, queryOf } from "./support.ts";

describe("search", () => {
  it("returns what brute force returns for every k and offset", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(planArbitrary, { maxLength: 4 }), queryArbitrary, async (plans, query) => {
        const { reader, manifest } = buildIndex(plans);
        const expected = bruteForce(plans, query);
        const places = new Map(manifest.segments.map(({ segmentId }, place) => [segmentId, place]));
        for (const k of [1, 10, 100, 1000]) {
          for (const offset of [0, 1, 7, 50, 200]) {
            const { hits, exact } = await search(reader, manifest, query, { k, offset });
            expect(exact).toBe(true);
            expect(
              hits.map(
                (hit) => `${places.get(hit.segmentId)} ${hit.ordinal} ${hit.document.id} ${hit.integerScore}`,
              ),
            ).toEqual(expected.slice(offset, offset + k));
            for (const hit of hits) {
              expect(hit.score).toBeCloseTo((hit.integerScore * MAX_WEIGHT) / 255 / 256, 9);
              expect(hit.document.fields.text).toBe(`text of ${hit.document.id}`);
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("breaks ties by the segment's place, then by ordinal", async () => {
    const documents = sampleDocuments(4).map((document) => ({
      ...document,
      impacts: Uint8Array.of(9, 9, 9),
    }));
    const plan = { documents, tombstones: [1] };
    const { reader, manifest } = buildIndex([plan, plan]);
    const { hits } = await search(reader, manifest, queryOf({ 3: 5 }), { k: 10, offset: 0 });
    expect(hits.map(({ segmentId, ordinal }) => [Number(segmentId), ordinal])).toEqual([
      [0, 0],
      [0, 2],
      [0, 3],
      [1, 0],
      [1, 2],
      [1, 3],
    ]);
  });

  it("returns nothing and reads nothing for an empty query", async () => {
    const { reader, manifest } = buildIndex([{ documents: sampleDocuments(), tombstones: [] }]);
    const result = await search(reader, manifest, queryOf({}), { k: 10, offset: 0 });
    expect(result).toEqual({
      hits: [],
      exact: true,
      certificate: null,
      stats: { reads: 0, bytesRead: 0, postings: 0 },
    });
  });

  it("returns nothing from an index without segments or model", async () => {
    const { reader, manifest } = buildIndex([]);
    const result = await search(reader, { ...manifest, model: null }, queryOf({ 1: 1 }), { k: 1, offset: 0 });
    expect(result.hits).toEqual([]);
  });

  it("reads each page once, counts reads, bytes and postings, and keeps to its bound of reads at once", async () => {
    const options = { inlineBytes: 0, postingPageBytes: 1, documentPageBytes: 1 };
    const documents = sampleDocuments(30);
    const { reader, manifest } = buildIndex([{ documents, tombstones: [], options }]);
    const query = queryOf(
      Object.fromEntries([3, 30_000, ...documents.keys()].map((term, at) => [at < 2 ? term : 200 + term, 7])),
    );
    const { hits, stats } = await search(reader, manifest, query, { k: 100, offset: 0 });
    expect(hits).toHaveLength(30);
    expect(new Set(reader.keysRead).size).toBe(reader.keysRead.length);
    expect(stats.reads).toBe(1 + 32 + 30);
    expect(stats.reads).toBe(reader.keysRead.length);
    expect(stats.postings).toBe(90);
    expect(stats.bytesRead).toBe(manifest.segments[0]!.sizeBytes);
    expect(reader.mostAtOnce).toBe(MAX_READS_AT_ONCE);
  });

  it("reads a document page once for all the hits that lie in it", async () => {
    const options = { inlineBytes: 0, documentPageBytes: 500 };
    const { reader, manifest } = buildIndex([{ documents: sampleDocuments(30), tombstones: [], options }]);
    const { hits, stats } = await search(reader, manifest, queryOf({ 3: 5 }), { k: 30, offset: 0 });
    expect(hits).toHaveLength(30);
    expect(manifest.segments[0]!.pages).toBeLessThan(15);
    expect(stats.reads).toBe(manifest.segments[0]!.pages);
    expect(new Set(reader.keysRead).size).toBe(stats.reads);
  });

  it("reads a segment of one page once, and not at all when its root is cached", async () => {
    const { reader, manifest } = buildIndex([{ documents: sampleDocuments(), tombstones: [] }]);
    const roots = new Map<string, SegmentRoot>();
    for (const reads of [1, 0]) {
      const source = new ReaderSegmentSource(reader, manifest.index, roots);
      const { hits, stats } = await searchSegments(source, manifest, queryOf({ 3: 5 }), { k: 3, offset: 0 });
      expect(hits.map(({ document }) => document.id)).toEqual(["document-5", "document-4", "document-3"]);
      expect(stats.reads).toBe(reads);
    }
  });

  it("reads only the document pages of the window", async () => {
    const options = { inlineBytes: 0, documentPageBytes: 1 };
    const { reader, manifest } = buildIndex([{ documents: sampleDocuments(30), tombstones: [], options }]);
    await search(reader, manifest, queryOf({ 3: 5 }), { k: 2, offset: 10 });
    expect(reader.keysRead).toHaveLength(1 + 1 + 2);
  });

  it("names the key of a page that is missing", async () => {
    const options = { inlineBytes: 0 };
    const { reader, manifest } = buildIndex([{ documents: sampleDocuments(), tombstones: [], options }]);
    for (const key of [...reader.values.keys()]) {
      const value = reader.values.get(key)!;
      reader.values.delete(key);
      await expect(search(reader, manifest, queryOf({ 3: 5 }), { k: 1, offset: 0 })).rejects.toMatchObject({
        code: "page_missing",
        details: { key },
      });
      reader.values.set(key, value);
    }
  });

  it("refuses a segment that is not the one of the manifest", async () => {
    const { reader, manifest } = buildIndex([{ documents: sampleDocuments(), tombstones: [] }]);
    for (const change of [{ checksum: "00000000" }, { documents: 7 }, { pages: 2 }]) {
      const changed = { ...manifest, segments: [{ ...manifest.segments[0]!, ...change }] };
      await expect(search(reader, changed, queryOf({ 3: 5 }), { k: 1, offset: 0 })).rejects.toMatchObject({
        code: "page_corrupt",
      });
    }
  });

  it("scores up to the limits of int32 and refuses a query beyond", async () => {
    const { reader, manifest } = buildIndex([{ documents: sampleDocuments(1), tombstones: [] }]);
    const largest = Math.floor(0x7fff_ffff / 255);
    const { hits } = await search(reader, manifest, queryOf({ 200: largest }), { k: 1, offset: 0 });
    expect(hits[0]!.integerScore).toBe(largest * 255);
    const tooLong = search(reader, manifest, queryOf({ 200: largest, 201: 1 }), { k: 1, offset: 0 });
    await expect(tooLong).rejects.toMatchObject({ code: "query_too_long" });
  });

  it("refuses a window that makes no sense", async () => {
    const { reader, manifest } = buildIndex([]);
    for (const options of [
      { k: 0, offset: 0 },
      { k: 1.5, offset: 0 },
      { k: 1, offset: -1 },
      { k: 1, offset: Number.NaN },
    ]) {
      await expect(search(reader, manifest, queryOf({ 1: 1 }), options)).rejects.toMatchObject({
        code: "search_options_invalid",
      });
    }
  });
});

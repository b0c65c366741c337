import { describe, expect, it } from "vitest";
import type { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { LzeroError } from "../../../../shared/errors.ts";
import { writeU32 } from "../../../../shared/format/bytes.ts";
import { encodePage, PAGE_HEADER_BYTES, PAGE_KIND } from "../../../../shared/format/page.ts";
import { encodeQueryTables } from "../../../../shared/format/query-tables.ts";
import { type EncodedSegment, encodeSegment } from "../../../../shared/format/segment-writer.ts";
import { manifestKey, pageKey, tablesKey } from "../../../../shared/storage/keys.ts";
import { MAX_LISTED_PROBLEMS } from "../../../../shared/verify/problem.ts";
import {
  readManifest,
  type VerifyProgress,
  type VerifyReport,
  verifyIndex,
} from "../../../../shared/verify/verify-index.ts";
import { expectVerified } from "../../../support/expect-verified.ts";
import {
  encodeRawSegment,
  INDEX,
  MANY_PAGES,
  makeDocuments,
  type RawTerm,
  SEGMENTS,
  storeIndex,
  wholeIndex,
  writeManifest,
  writePages,
} from "./support.ts";

const findings = ({ problems }: VerifyReport) => problems.map(({ code, key }) => `${code} ${key}`);
const pageOf = (page: number) => pageKey(INDEX, SEGMENTS[0], page);
const MANIFEST_KEY = manifestKey(INDEX);

async function change(
  store: MemoryStore,
  key: string,
  edit: (value: Uint8Array) => Uint8Array,
): Promise<void> {
  const value = await store.read(key);
  await store.write([{ key, value: edit(value!) }]);
}

describe("verifyIndex on a whole index", () => {
  it("finds nothing and counts everything", async () => {
    const { store, manifest } = await wholeIndex();
    const steps: VerifyProgress[] = [];
    const report = await verifyIndex(store, manifest, { onProgress: (step) => steps.push(step) });
    const bytes = (
      await Promise.all(store.keys().map(async (key) => (await store.read(key))!.length))
    ).reduce((sum, length) => sum + length, 0);
    expect(report).toEqual({
      index: INDEX,
      generation: 7,
      segments: 2,
      pages: store.keys().length,
      bytes,
      documents: 8,
      tombstones: 1,
      postings: 21,
      problems: [],
      problemCount: 0,
    });
    expect(steps.map(({ pages }) => pages)).toEqual(steps.map((_, at) => at + 1));
    expect(steps.at(-1)).toEqual({ pages: report.pages, totalPages: report.pages, bytes });
  });

  it("finds nothing in a generation without segments, and none of it in the store", async () => {
    const { store, manifest } = await storeIndex([], (whole) => ({ ...whole, model: null }));
    expect(await expectVerified(store, manifest)).toMatchObject({ pages: 0, segments: 0 });
  });

  it("finds nothing in a segment of no documents", async () => {
    const { store, manifest } = await storeIndex([{ segment: encodeSegment(SEGMENTS[0], []) }]);
    await expectVerified(store, manifest);
  });

  it("reads every key of the generation once, and never more than six at once", async () => {
    const { store, manifest } = await wholeIndex();
    const keys: string[] = [];
    let atOnce = 0;
    let most = 0;
    await verifyIndex(
      {
        read: async (key) => {
          keys.push(key);
          most = Math.max(most, ++atOnce);
          await new Promise((resolve) => setImmediate(resolve));
          atOnce--;
          return store.read(key);
        },
      },
      manifest,
    );
    expect(keys.sort()).toEqual(store.keys());
    expect(most).toBe(6);
  });

  it("throws what the reader throws", async () => {
    const { store, manifest } = await wholeIndex();
    const reader = {
      read: (key: string) =>
        key === pageOf(3)
          ? Promise.reject(new LzeroError("storage_read_failed", "no answer"))
          : store.read(key),
    };
    await expect(verifyIndex(reader, manifest)).rejects.toMatchObject({ code: "storage_read_failed" });
  });
});

describe("verifyIndex on damaged values", () => {
  it("names the key of any byte that is flipped in any page", async () => {
    const { store, manifest } = await wholeIndex();
    let flips = 0;
    for (const key of store.keys()) {
      const value = (await store.read(key))!;
      for (let at = 0; at < value.length; at++) {
        const damaged = value.slice();
        damaged[at]! ^= 1 << (at % 8);
        await store.write([{ key, value: damaged }]);
        const report = await verifyIndex(store, manifest);
        expect(report.problems.some((problem) => problem.key === key)).toBe(true);
        expect(report.problems[0]!.code).toMatch(/^page_/);
        flips++;
      }
      await store.write([{ key, value }]);
    }
    expect(flips).toBeGreaterThan(1000);
    await expectVerified(store, manifest);
  });

  it("names the key of a page that is cut at any length", async () => {
    const { store, manifest } = await wholeIndex();
    for (const key of store.keys()) {
      const value = (await store.read(key))!;
      for (let length = 0; length < value.length; length++) {
        await store.write([{ key, value: value.slice(0, length) }]);
        expect(findings(await verifyIndex(store, manifest))).toContain(`page_truncated ${key}`);
      }
      await store.write([{ key, value }]);
    }
  });

  it("names every page that is missing, and only those", async () => {
    const { store, manifest } = await wholeIndex();
    for (const key of store.keys()) {
      const value = (await store.read(key))!;
      await store.delete([key]);
      expect(findings(await verifyIndex(store, manifest))).toEqual([`page_missing ${key}`]);
      await store.write([{ key, value }]);
    }
  });

  it("names both keys when any two values are swapped", async () => {
    const { store, manifest } = await wholeIndex();
    const keys = store.keys();
    for (const [at, key] of keys.entries()) {
      const other = keys[(at + 1) % keys.length]!;
      const values = [(await store.read(key))!, (await store.read(other))!] as const;
      await store.write([
        { key, value: values[1] },
        { key: other, value: values[0] },
      ]);
      expect(findings(await verifyIndex(store, manifest))).toEqual(
        expect.arrayContaining([`page_unexpected ${key}`, `page_unexpected ${other}`]),
      );
      await store.write([
        { key, value: values[0] },
        { key: other, value: values[1] },
      ]);
    }
  });

  it("tells a page of a newer format from damage", async () => {
    const { store, manifest } = await wholeIndex();
    for (const key of store.keys()) {
      const value = (await store.read(key))!;
      await change(store, key, (bytes) => bytes.with(4, 3));
      expect(findings(await verifyIndex(store, manifest))).toEqual([`page_version_newer ${key}`]);
      await store.write([{ key, value }]);
    }
  });

  it("finds a sound page that is not the one the directory names", async () => {
    const { store, manifest } = await wholeIndex();
    await change(store, pageOf(1), (value) => {
      const payload = value.slice(PAGE_HEADER_BYTES);
      payload[payload.length - 1]!--;
      return encodePage(PAGE_KIND.postings, SEGMENTS[0], 1, payload);
    });
    const report = await verifyIndex(store, manifest);
    expect(findings(report)).toEqual([`page_corrupt ${pageOf(1)}`]);
    expect(report.problems[0]!.message).toContain("the checksum");
  });

  it("names damage in several places at once, and goes on behind a lost root", async () => {
    const { store, manifest, tables } = await wholeIndex();
    await store.delete([pageOf(0), tablesKey(tables)]);
    await change(store, pageOf(2), (value) => value.with(PAGE_HEADER_BYTES, 99));
    await change(store, pageKey(INDEX, SEGMENTS[1], 0), (value) => value.slice(0, 50));
    expect(findings(await verifyIndex(store, manifest))).toEqual([
      `page_missing ${tablesKey(tables)}`,
      `page_missing ${pageOf(0)}`,
      `page_corrupt ${pageOf(2)}`,
      `page_truncated ${pageKey(INDEX, SEGMENTS[1], 0)}`,
    ]);
  });
});

const DOCUMENTS = makeDocuments("a", 4);
const TERMS: readonly RawTerm[] = [
  { termId: 5, ordinals: [0, 1, 2, 3], impacts: [1, 2, 3, 4], textFrequency: 4 },
  { termId: 6, ordinals: [0, 1, 2, 3], impacts: [11, 12, 13, 14], textFrequency: 0 },
  { termId: 7, ordinals: [], impacts: [], textFrequency: 1 },
  { termId: 9, ordinals: [0, 2], impacts: [21, 23], textFrequency: 0 },
];
/** Page of the second list when every list has its own. */
const SECOND_LIST_PAGE = 2;

function withTerm(at: number, change: Partial<RawTerm>): readonly RawTerm[] {
  return TERMS.map((term, place) => (place === at ? { ...term, ...change } : term));
}

async function verifySegmentOf(segment: EncodedSegment): Promise<VerifyReport> {
  const { store, manifest } = await storeIndex([{ segment }]);
  return verifyIndex(store, manifest);
}

describe("verifyIndex on pages that were written wrong, with right checksums", () => {
  it("has a helper that writes the same bytes as the segment writer when nothing is wrong", () => {
    expect(encodeRawSegment(DOCUMENTS, TERMS)).toEqual(encodeSegment(SEGMENTS[0], DOCUMENTS, MANY_PAGES));
  });

  const listCases: readonly [string, Partial<RawTerm>, object][] = [
    ["max_impact_wrong", { maxImpact: 15 }, { termId: 6, stated: 15, found: 14 }],
    ["max_impact_wrong", { maxImpact: 13 }, { termId: 6, stated: 13, found: 14 }],
    ["ordinals_unsorted", { ordinals: [0, 1, 1, 3] }, { termId: 6, stated: 2, found: 1 }],
    ["ordinal_out_of_range", { ordinals: [0, 1, 2, 4] }, { termId: 6, stated: 3, found: 4 }],
    ["impact_zero", { impacts: [11, 0, 13, 14] }, { termId: 6, stated: 1, found: 0 }],
    ["document_frequency_wrong", { documentFrequency: 3 }, { termId: 6, stated: 3, found: 4 }],
    ["posting_list_malformed", { ordinals: [0, 1], impacts: [11], documentFrequency: 1 }, { termId: 6 }],
  ];
  for (const [code, wrong, details] of listCases) {
    for (const options of [MANY_PAGES, {}]) {
      const page = options === MANY_PAGES ? SECOND_LIST_PAGE : 0;
      it(`finds ${code} of ${JSON.stringify(wrong)} in page ${page}`, async () => {
        const report = await verifySegmentOf(encodeRawSegment(DOCUMENTS, withTerm(1, wrong), options));
        expect(findings(report)).toEqual([`${code} ${pageOf(page)}`]);
        expect(report.problems[0]!.details).toMatchObject(details);
        expect(report.postings).toBe(6);
      });
    }
  }

  it("finds text frequencies above and below the count, and of a term that the directory lacks", async () => {
    const high = await verifySegmentOf(encodeRawSegment(DOCUMENTS, withTerm(1, { textFrequency: 1 })));
    expect(findings(high)).toEqual([`text_frequency_wrong ${pageOf(0)}`]);
    expect(high.problems[0]!.details).toMatchObject({ termId: 6, stated: 1, found: 0 });
    const low = await verifySegmentOf(encodeRawSegment(DOCUMENTS, withTerm(0, { textFrequency: 3 })));
    expect(low.problems[0]!.details).toMatchObject({ termId: 5, stated: 3, found: 4 });
    const absent = await verifySegmentOf(
      encodeRawSegment(
        DOCUMENTS,
        TERMS.filter(({ termId }) => termId !== 7),
      ),
    );
    expect(findings(absent)).toEqual([`text_frequency_wrong ${pageOf(0)}`]);
    expect(absent.problems[0]!.details).toMatchObject({ termId: 7, stated: 0, found: 1 });
  });

  it("finds terms beyond the vocabulary", async () => {
    const beyond = { termId: 10, ordinals: [1], impacts: [9], textFrequency: 0 };
    const report = await verifySegmentOf(encodeRawSegment(DOCUMENTS, [...TERMS, beyond]));
    expect(findings(report)).toEqual([`term_out_of_vocabulary ${pageOf(0)}`]);
    expect(report.problems[0]!.details).toMatchObject({ termId: 10, vocabularySize: 10 });
  });

  it("finds an id that is live twice, in one segment and in two, but not one that is deleted", async () => {
    const twice = [...DOCUMENTS, { ...DOCUMENTS[1]!, version: 5 }];
    const inOne = await verifySegmentOf(encodeSegment(SEGMENTS[0], twice, MANY_PAGES));
    expect(findings(inOne)).toEqual([`document_duplicate ${pageOf(8)}`]);
    expect(inOne.problems[0]!.details).toMatchObject({ id: "a-1", other: `${SEGMENTS[0]} ordinal 1` });

    const segments = [
      { segment: encodeSegment(SEGMENTS[0], DOCUMENTS), tombstones: [0] },
      { segment: encodeSegment(SEGMENTS[1], DOCUMENTS), tombstones: [1, 2] },
    ];
    const { store, manifest } = await storeIndex(segments);
    const inTwo = await verifyIndex(store, manifest);
    expect(inTwo.problems.map(({ code, details }) => `${code} ${details.id}`)).toEqual([
      "document_duplicate a-3",
    ]);
  });

  /** The field of the root that says how many bytes the inline documents have. */
  const INLINE_DOCUMENTS_AT = 36;

  it("finds document records that overlap or leave room", async () => {
    const segment = encodeSegment(SEGMENTS[0], DOCUMENTS);
    const { store, manifest } = await storeIndex([{ segment }]);
    const payload = segment.pages[0]!.slice(PAGE_HEADER_BYTES);
    const body = payload.length - recordsLength();
    // The offset table: the record of ordinal 1 begins a byte before that of ordinal 0 ends.
    const view = new DataView(payload.buffer);
    const entryAt = body + 8 + 4;
    writeU32(payload, entryAt, view.getUint32(entryAt, true) - 1);
    const value = encodePage(PAGE_KIND.segmentRoot, SEGMENTS[0], 0, payload);
    await store.write([{ key: pageOf(0), value }]);
    expect((await verifyIndex(store, manifest)).problems.map(({ code }) => code)).toContain("page_corrupt");

    // And one byte too many at the end of the records.
    const longer = new Uint8Array(payload.length + 1);
    longer.set(segment.pages[0]!.subarray(PAGE_HEADER_BYTES));
    writeU32(longer, INLINE_DOCUMENTS_AT, view.getUint32(INLINE_DOCUMENTS_AT, true) + 1);
    await store.write([{ key: pageOf(0), value: encodePage(PAGE_KIND.segmentRoot, SEGMENTS[0], 0, longer) }]);
    const report = await verifyIndex(store, manifest);
    expect(findings(report)).toContain(`records_not_contiguous ${pageOf(0)}`);

    function recordsLength(): number {
      return new DataView(payload.buffer).getUint32(INLINE_DOCUMENTS_AT, true);
    }
  });
});

describe("verifyIndex on a manifest that disagrees", () => {
  const segment = encodeSegment(SEGMENTS[0], DOCUMENTS, MANY_PAGES);

  const stated: readonly [string, object, string[]][] = [
    ["checksum", { checksum: "00000000" }, []],
    ["documents", { documents: 5 }, []],
    ["sizeBytes", { sizeBytes: 1 }, []],
    ["pages", { pages: segment.pages.length + 1 }, [`page_missing ${pageOf(segment.pages.length)}`]],
    ["pages", { pages: segment.pages.length - 1 }, []],
  ];
  for (const [what, wrong, others] of stated) {
    it(`finds ${JSON.stringify(wrong)}`, async () => {
      const { store, manifest } = await storeIndex([{ segment }], (whole) => ({
        ...whole,
        segments: whole.segments.map((entry) => ({ ...entry, ...wrong })),
      }));
      const report = await verifyIndex(store, manifest);
      expect(findings(report).sort()).toEqual([`manifest_disagrees ${MANIFEST_KEY}`, ...others].sort());
      expect(report.problems[0]!.details).toMatchObject({ what, segmentId: SEGMENTS[0] });
    });
  }

  it("finds tombstones out of range and out of order", async () => {
    const { store, manifest } = await storeIndex([{ segment, tombstones: [2, 1, 4] }]);
    expect(findings(await verifyIndex(store, manifest))).toEqual([
      `tombstones_unsorted ${MANIFEST_KEY}`,
      `tombstone_out_of_range ${MANIFEST_KEY}`,
    ]);
  });

  it("finds a segment twice and segments without a model", async () => {
    const { store, manifest } = await storeIndex([{ segment }, { segment }], (whole) => ({
      ...whole,
      model: null,
    }));
    const codes = (await verifyIndex(store, manifest)).problems.map(({ code }) => code);
    expect(codes).toEqual([
      "model_missing",
      "segment_duplicate",
      ...DOCUMENTS.map(() => "document_duplicate"),
    ]);
  });

  it("finds tables that are not what their fingerprint names", async () => {
    const { store, manifest, tables } = await storeIndex([{ segment }]);
    const key = tablesKey(tables);
    await change(store, key, (value) => {
      const payload = value.slice(PAGE_HEADER_BYTES);
      payload[8]! ^= 1;
      return encodePage(PAGE_KIND.queryTables, tables, 0, payload);
    });
    expect(findings(await verifyIndex(store, manifest))).toEqual([`fingerprint_wrong ${key}`]);
  });

  it("finds a vocabulary that does not fit its IDF table, and one that is none", async () => {
    const { store, manifest, tables } = await storeIndex([{ segment }]);
    const key = tablesKey(tables);
    await change(store, key, (value) => {
      const payload = value.slice(PAGE_HEADER_BYTES);
      payload[payload.length - 2] = 0x0a;
      return encodePage(PAGE_KIND.queryTables, tables, 0, payload);
    });
    expect(findings(await verifyIndex(store, manifest))).toEqual([`page_corrupt ${key}`]);

    const repeated = encodeQueryTables({
      vocabulary: new TextEncoder().encode("same\n".repeat(10)),
      idf: new Float32Array(10).fill(1),
      optionalTokens: Uint8Array.of(0, 0),
    });
    await store.write([{ key: tablesKey(repeated.fingerprint), value: repeated.value }]);
    const report = await verifyIndex(store, {
      ...manifest,
      model: { ...manifest.model!, tables: repeated.fingerprint },
    });
    expect(findings(report)).toEqual([`vocabulary_invalid ${tablesKey(repeated.fingerprint)}`]);
  });
});

describe("the report", () => {
  it("lists so many problems and counts the rest", async () => {
    const many = Array.from({ length: MAX_LISTED_PROBLEMS + 5 }, () => DOCUMENTS[0]!);
    const report = await verifySegmentOf(encodeSegment(SEGMENTS[0], many));
    expect(report.problemCount).toBe(MAX_LISTED_PROBLEMS + 4);
    expect(report.problems).toHaveLength(MAX_LISTED_PROBLEMS);
  });
});

describe("readManifest", () => {
  it("returns the stored manifest", async () => {
    const index = await wholeIndex();
    await writeManifest(index);
    expect(await readManifest(index.store, INDEX)).toEqual(index.manifest);
  });

  it("throws index_not_found, and a decoder's error with the key", async () => {
    const index = await wholeIndex();
    await expect(readManifest(index.store, INDEX)).rejects.toMatchObject({ code: "index_not_found" });
    await writeManifest(index);
    await change(index.store, MANIFEST_KEY, (value) => value.with(60, 0));
    await expect(readManifest(index.store, INDEX)).rejects.toMatchObject({
      code: "page_corrupt",
      details: { key: MANIFEST_KEY },
    });
  });
});

describe("the segments of a damaged index", () => {
  it("verify again once the right pages are written again", async () => {
    const { store, manifest } = await storeIndex([
      { segment: encodeSegment(SEGMENTS[0], DOCUMENTS, MANY_PAGES) },
    ]);
    await store.delete([pageOf(1), pageOf(5)]);
    expect((await verifyIndex(store, manifest)).problemCount).toBe(2);
    await writePages(store, encodeSegment(SEGMENTS[0], DOCUMENTS, MANY_PAGES));
    await expectVerified(store, manifest);
  });
});

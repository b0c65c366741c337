/** A small whole index in memory, and ways to write wrong pages whose checksums are right. */
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { indexSettingsSchema } from "../../../../shared/catalog/commands.ts";
import { ByteWriter } from "../../../../shared/format/bytes.ts";
import { encodeDocumentRecord } from "../../../../shared/format/document-page.ts";
import { encodeManifest, type Manifest, type ManifestSegment } from "../../../../shared/format/manifest.ts";
import { encodePostingList } from "../../../../shared/format/posting-list.ts";
import { encodeQueryTables } from "../../../../shared/format/query-tables.ts";
import {
  assembleSegment,
  type EncodedSegment,
  type SegmentOptions,
} from "../../../../shared/format/segment-assembly.ts";
import { encodeSegment } from "../../../../shared/format/segment-writer.ts";
import type { SegmentDocument } from "../../../../shared/format/stored-document.ts";
import { manifestKey, pageKey, tablesKey } from "../../../../shared/storage/keys.ts";

export const INDEX = "demo";
export const SEGMENTS = ["1".repeat(32), "2".repeat(32)] as const;
export const MAX_WEIGHT = 2.55;
export const PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "fear", "spider", "##s", "7", "web"];
const IDF = Float32Array.of(1, 1, 1, 1, 1, 5.5, 7.25, 0.5, 3, 4);

/** Entry `at` has impact 10 · at + ordinal + 1 for terms 5, 6 and, in every second document, 9. */
export function makeDocuments(prefix: string, count: number): SegmentDocument[] {
  return Array.from({ length: count }, (_, ordinal) => {
    const termIds = Uint32Array.from(ordinal % 2 === 0 ? [5, 6, 9] : [5, 6]);
    return {
      id: `${prefix}-${ordinal}`,
      version: 100 + ordinal,
      fields: {
        title: `Title ${ordinal}`,
        text: `text ${prefix} ${ordinal}`,
        url: null,
        metadata: { n: ordinal },
      },
      termIds,
      impacts: Uint8Array.from(termIds, (_termId, at) => 10 * at + ordinal + 1),
      ownTermIds: ordinal === 1 ? Uint32Array.of(5, 7) : Uint32Array.of(5),
    };
  });
}

/** Each list and each document on a page of its own. */
export const MANY_PAGES: SegmentOptions = { inlineBytes: 0, postingPageBytes: 1, documentPageBytes: 1 };

export function manifestEntry(segment: EncodedSegment, tombstones: readonly number[] = []): ManifestSegment {
  return {
    segmentId: segment.segmentId,
    pages: segment.pages.length,
    documents: segment.documents,
    sizeBytes: segment.sizeBytes,
    checksum: segment.checksum,
    tombstones: Uint32Array.from(tombstones),
  };
}

export interface TestIndex {
  readonly store: MemoryStore;
  readonly manifest: Manifest;
  readonly tables: string;
}

/** Stores segments, tables and, unless it cannot be written, the manifest. */
export async function storeIndex(
  segments: readonly { readonly segment: EncodedSegment; readonly tombstones?: readonly number[] }[],
  change: (manifest: Manifest) => Manifest = (manifest) => manifest,
): Promise<TestIndex> {
  const store = new MemoryStore();
  const tables = encodeQueryTables({
    vocabulary: new TextEncoder().encode(`${PIECES.join("\n")}\n`),
    idf: IDF,
    optionalTokens: Uint8Array.of(0, 0),
  });
  await store.write([{ key: tablesKey(tables.fingerprint), value: tables.value }]);
  for (const { segment } of segments) await writePages(store, segment);
  const manifest = change({
    index: INDEX,
    generation: 7,
    createdAtMs: 1_700_000_000_000,
    settings: indexSettingsSchema.parse({}),
    model: {
      fingerprint: "a".repeat(32),
      tables: tables.fingerprint,
      maxWeight: MAX_WEIGHT,
      impactBits: 8,
      averageLength: null,
    },
    segments: segments.map(({ segment, tombstones }) => manifestEntry(segment, tombstones)),
  });
  return { store, manifest, tables: tables.fingerprint };
}

export async function writePages(store: MemoryStore, { segmentId, pages }: EncodedSegment): Promise<void> {
  await store.write(pages.map((value, page) => ({ key: pageKey(INDEX, segmentId, page), value })));
}

export async function writeManifest({ store, manifest }: TestIndex): Promise<void> {
  await store.write([{ key: manifestKey(INDEX), value: encodeManifest(manifest) }]);
}

/** One segment of several pages with a tombstone, and one of one page that has the deleted document anew. */
export function wholeIndex(): Promise<TestIndex> {
  const renewed = [{ ...makeDocuments("a", 4)[2]!, version: 900 }, ...makeDocuments("b", 3)];
  return storeIndex([
    { segment: encodeSegment(SEGMENTS[0], makeDocuments("a", 4), MANY_PAGES), tombstones: [2] },
    { segment: encodeSegment(SEGMENTS[1], renewed) },
  ]);
}

/** A posting list as it is to be written, with what the directory is to say of it. */
export interface RawTerm {
  readonly termId: number;
  readonly ordinals: readonly number[];
  readonly impacts: readonly number[];
  readonly textFrequency: number;
  /** Default: the truth. */
  readonly maxImpact?: number;
  readonly documentFrequency?: number;
}

/** Writes a segment of exactly these lists, right or wrong, over these documents' records. */
export function encodeRawSegment(
  documents: readonly SegmentDocument[],
  terms: readonly RawTerm[],
  options: SegmentOptions = MANY_PAGES,
): EncodedSegment {
  const lists = new ByteWriter();
  const lengths = terms.map(({ ordinals, impacts }) => {
    const before = lists.length;
    const arrays = [Uint32Array.from(ordinals), Uint8Array.from(impacts)] as const;
    encodePostingList(lists, ...arrays, 0, ordinals.length, documents.length);
    return lists.length - before;
  });
  const records = new ByteWriter();
  const recordEnds = new Float64Array(documents.length + 1);
  documents.forEach((document, ordinal) => {
    encodeDocumentRecord(records, document);
    recordEnds[ordinal + 1] = records.length;
  });
  const columns = {
    termIds: Uint32Array.from(terms, ({ termId }) => termId),
    documentFrequencies: Uint32Array.from(terms, (term) => term.documentFrequency ?? term.ordinals.length),
    textFrequencies: Uint32Array.from(terms, ({ textFrequency }) => textFrequency),
    maxImpacts: Uint8Array.from(terms, (term) => term.maxImpact ?? Math.max(0, ...term.impacts)),
    lengths: Uint32Array.from(lengths),
  };
  return assembleSegment(
    SEGMENTS[0],
    {
      documents: documents.length,
      columns,
      lists: lists.view(),
      cuts: new Map(),
      records: records.view(),
      recordEnds,
    },
    options,
  );
}

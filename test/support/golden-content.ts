/**
 * The content of the golden indexes: fixed documents, tombstones, tables and queries. It must never change, since the
 * files under `test/fixtures/golden` were made from it; a new format version gets its own folder.
 */

import type { Manifest } from "../../shared/format/manifest.ts";
import { type EncodedSegment, encodeSegment } from "../../shared/format/segment-writer.ts";
import type { SegmentDocument } from "../../shared/format/stored-document.ts";
import { encodeQueryTerms, optionalBelow } from "../../shared/query/query-vector.ts";

export const GOLDEN_INDEX = "golden";

export const GOLDEN_VOCABULARY = [
  "[PAD]",
  "[UNK]",
  "[CLS]",
  "[SEP]",
  "[MASK]",
  "fear",
  "spider",
  "##s",
  "größe",
  "水",
];
export const GOLDEN_IDF = Float32Array.of(1, 1, 1, 1, 1, 5.5, 7.25, 0.0625, 9.75, 11.125);
export const GOLDEN_OPTIONAL_TOKENS = optionalBelow(GOLDEN_IDF, 0.1);

/** One page. */
const SMALL: readonly SegmentDocument[] = [
  {
    id: "arachnophobia",
    version: 1,
    fields: { title: "arachnophobia", text: "an abnormal fear of spiders", url: null, metadata: null },
    termIds: Uint32Array.of(5, 6, 7),
    impacts: Uint8Array.of(200, 255, 3),
    ownTermIds: Uint32Array.of(5, 6, 7),
  },
  {
    id: "größe/水",
    version: Number.MAX_SAFE_INTEGER,
    fields: {
      title: null,
      text: "\uFEFFGröße 水 \u{1F577}\u0000",
      url: "https://example.org/?q=%E6%B0%B4",
      metadata: { "": null, year: 1984, ratio: 0.1, tags: ["a", 1, true, null], ключ: "значение" },
    },
    termIds: Uint32Array.of(8, 9),
    impacts: Uint8Array.of(1, 128),
    ownTermIds: Uint32Array.of(8, 9),
  },
  {
    id: "empty",
    version: 0,
    fields: { title: "", text: "", url: "", metadata: {} },
    termIds: new Uint32Array(0),
    impacts: new Uint8Array(0),
    ownTermIds: new Uint32Array(0),
  },
  {
    id: "own terms only",
    version: 128,
    fields: { title: null, text: "fear", url: null, metadata: null },
    termIds: new Uint32Array(0),
    impacts: new Uint8Array(0),
    ownTermIds: Uint32Array.of(5, 1_048_575),
  },
];

/** Several pages: gaps of one to three bytes, lists over several pages, one list larger than a page. */
const LARGE: readonly SegmentDocument[] = Array.from({ length: 300 }, (_, ordinal) => ({
  id: `document-${ordinal}`,
  version: 1000 + ordinal,
  fields: {
    title: ordinal % 2 === 0 ? `title ${ordinal}` : null,
    text: `text of document ${ordinal}`,
    url: null,
    metadata: ordinal % 100 === 0 ? { hundred: ordinal / 100 } : null,
  },
  termIds: Uint32Array.from(
    [5, ordinal % 150 === 0 ? 6 : 0, 100 + (ordinal % 7), 200 + (ordinal % 40), 20_000 + ordinal].filter(
      (termId) => termId > 0,
    ),
  ),
  impacts: Uint8Array.from(ordinal % 150 === 0 ? [1, 2, 3, 4, 5] : [1, 3, 4, 5], (factor) => {
    return ((ordinal * factor) % 255) + 1;
  }),
  ownTermIds: Uint32Array.of(5, 30_000 + (ordinal % 3)),
}));

export interface GoldenSegment {
  readonly file: string;
  readonly documents: readonly SegmentDocument[];
  readonly tombstones: Uint32Array;
  readonly encode: () => EncodedSegment;
}

export const GOLDEN_SEGMENTS: readonly GoldenSegment[] = [
  {
    file: "small",
    documents: SMALL,
    tombstones: new Uint32Array(0),
    encode: () => encodeSegment("000102030405060708090a0b0c0d0e0f", SMALL),
  },
  {
    file: "large",
    documents: LARGE,
    tombstones: Uint32Array.of(0, 7, 150, 299),
    encode: () =>
      encodeSegment("f0e0d0c0b0a090807060504030201000", LARGE, {
        inlineBytes: 0,
        postingPageBytes: 500,
        documentPageBytes: 4000,
      }),
  },
  {
    file: "empty",
    documents: [],
    tombstones: new Uint32Array(0),
    encode: () => encodeSegment("ffffffffffffffffffffffffffffffff", []),
  },
];

export function goldenManifest(tablesFingerprint: string): Manifest {
  return {
    index: GOLDEN_INDEX,
    generation: 42,
    createdAtMs: 1_763_884_800_000,
    settings: {
      encoder: "onnx",
      versions: "external",
      encodedFields: ["title", "text"],
      idf: "blend",
      averageLength: null,
    },
    model: {
      fingerprint: "0123456789abcdef0123456789abcdef",
      tables: tablesFingerprint,
      maxWeight: 3.25,
      impactBits: 8,
      averageLength: null,
    },
    segments: GOLDEN_SEGMENTS.map(({ encode, tombstones }) => {
      const segment = encode();
      return {
        segmentId: segment.segmentId,
        pages: segment.pages.length,
        documents: segment.documents,
        sizeBytes: segment.sizeBytes,
        checksum: segment.checksum,
        tombstones,
      };
    }),
  };
}

export const GOLDEN_QUERIES = [
  encodeQueryTerms([
    [5, 5.5],
    [6, 7.25],
  ]),
  encodeQueryTerms([[8, 9.75]]),
  encodeQueryTerms([
    [100, 1],
    [239, 2],
    [20_298, 3],
    [99_999, 4],
  ]),
];

/** Arbitrary documents, and a segment's content as plain objects to compare with. */
import fc from "fast-check";
import { LzeroError } from "../../../../shared/errors.ts";
import {
  decodePostingList,
  decodeSegmentPage,
  decodeSegmentRoot,
  decodeStoredDocument,
  type SegmentRoot,
} from "../../../../shared/format/segment-reader.ts";
import { type EncodedSegment, encodeSegment } from "../../../../shared/format/segment-writer.ts";
import type { SegmentDocument, StoredDocument } from "../../../../shared/format/stored-document.ts";
import type { Metadata } from "../../../../shared/messages/document.ts";

export const SEGMENT_ID = "0123456789abcdef0123456789abcdef";
export const OTHER_SEGMENT_ID = "fedcba9876543210fedcba9876543210";

export const segmentIdArbitrary = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));

/** Well-formed strings with everything that UTF-8 can hold, a byte order mark included. */
export const textArbitrary = fc.string({ unit: "binary", maxLength: 20 });

const scalar = fc.oneof(
  textArbitrary,
  fc.boolean(),
  fc.constant(null),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
);
const metadataArbitrary: fc.Arbitrary<Metadata> = fc.dictionary(
  textArbitrary,
  fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })),
  { maxKeys: 4 },
);

export const fieldsArbitrary = fc.record({
  title: fc.option(textArbitrary),
  text: textArbitrary,
  url: fc.option(textArbitrary),
  metadata: fc.option(metadataArbitrary),
});

/** Term ids from a small vocabulary, so that lists have several postings, and sometimes from a large one. */
export function ascendingArbitrary(max: number, maxLength: number): fc.Arbitrary<Uint32Array> {
  return fc
    .uniqueArray(fc.integer({ min: 0, max }), { maxLength })
    .map((values) => Uint32Array.from(values).sort());
}

const termIdsArbitrary = fc.oneof(
  { weight: 5, arbitrary: ascendingArbitrary(30, 12) },
  { weight: 1, arbitrary: ascendingArbitrary(2 ** 20 - 1, 5) },
);

export const documentArbitrary: fc.Arbitrary<SegmentDocument> = termIdsArbitrary.chain((termIds) =>
  fc.record({
    id: fc.string({ unit: "binary", minLength: 1, maxLength: 12 }),
    version: fc.oneof(fc.maxSafeNat(), fc.nat(300)),
    fields: fieldsArbitrary,
    termIds: fc.constant(termIds),
    impacts: fc
      .array(fc.integer({ min: 1, max: 255 }), { minLength: termIds.length, maxLength: termIds.length })
      .map((impacts) => Uint8Array.from(impacts)),
    ownTermIds: termIdsArbitrary,
  }),
);

/** Page sizes from one page for all to a page for each list and document. */
export const optionsArbitrary = fc.record({
  inlineBytes: fc.constantFrom(0, 256 * 1024),
  postingPageBytes: fc.integer({ min: 1, max: 60 }),
  documentPageBytes: fc.integer({ min: 1, max: 400 }),
});

export interface OpenSegment {
  readonly root: SegmentRoot;
  /** Payload by page number. */
  readonly payloads: Uint8Array[];
}

/** Opens a segment as the reader would, from its stored values. */
export function openSegment(segment: EncodedSegment, index = "test"): OpenSegment {
  const root = decodeSegmentRoot(segment.pages[0]!, segment.segmentId, `${index}/${segment.segmentId}/0`);
  const payloads = segment.pages.map((value, page) =>
    page === 0 ? (root.inlinePayload ?? new Uint8Array(0)) : decodeSegmentPage(root, value, page),
  );
  return { root, payloads };
}

/** Everything that a segment says, in the terms of its documents. */
export interface SegmentDump {
  readonly documents: StoredDocument[];
  /** "term ordinal impact" in list order. */
  readonly postings: string[];
  readonly terms: { termId: number; documentFrequency: number; textFrequency: number; maxImpact: number }[];
}

export function dumpSegment({ root, payloads }: OpenSegment): SegmentDump {
  const documents: StoredDocument[] = [];
  for (let ordinal = 0; ordinal < root.documents; ordinal++) {
    documents.push(decodeStoredDocument(root, payloads[root.documentPageOf(ordinal).page]!, ordinal));
  }
  const postings: string[] = [];
  const terms: SegmentDump["terms"] = [];
  for (const entry of root.entries()) {
    const { termId, documentFrequency, textFrequency, maxImpact } = entry;
    terms.push({ termId, documentFrequency, textFrequency, maxImpact });
    if (documentFrequency === 0) continue;
    const list = decodePostingList(root, (page) => payloads[page]!, entry);
    list.ordinals.forEach((ordinal, at) => {
      postings.push(`${termId} ${ordinal} ${list.impacts[at]}`);
    });
  }
  return { documents, postings, terms };
}

/** What a segment of these documents must say, computed with maps. */
export function expectedDump(documents: readonly SegmentDocument[]): SegmentDump {
  const termIds = [
    ...new Set(documents.flatMap(({ termIds, ownTermIds }) => [...termIds, ...ownTermIds])),
  ].sort((a, b) => a - b);
  const postings: string[] = [];
  const terms = termIds.map((termId) => {
    const impacts: number[] = [];
    documents.forEach((document, ordinal) => {
      const at = document.termIds.indexOf(termId);
      if (at < 0) return;
      impacts.push(document.impacts[at]!);
      postings.push(`${termId} ${ordinal} ${document.impacts[at]}`);
    });
    return {
      termId,
      documentFrequency: impacts.length,
      textFrequency: documents.filter(({ ownTermIds }) => ownTermIds.includes(termId)).length,
      maxImpact: Math.max(0, ...impacts),
    };
  });
  return {
    documents: documents.map(({ id, version, fields }) => ({ id, version, fields })),
    postings,
    terms,
  };
}

/** A few documents with every kind of field, for tests that damage bytes. */
export function sampleDocuments(count = 6): SegmentDocument[] {
  return Array.from({ length: count }, (_, ordinal) => ({
    id: `document-${ordinal}`,
    version: ordinal * 1_000_003,
    fields: {
      title: ordinal % 2 === 0 ? `Title ${ordinal} – é` : null,
      text: `Text of document ${ordinal}`,
      url: ordinal % 3 === 0 ? `https://example.org/${ordinal}` : null,
      metadata: ordinal % 3 === 1 ? { year: 2000 + ordinal, tags: ["a", "b"] } : null,
    },
    termIds: Uint32Array.of(3, 200 + ordinal, 30_000),
    impacts: Uint8Array.of((ordinal % 255) + 1, 255, (ordinal % 200) + 40),
    ownTermIds: Uint32Array.of(3, 5, 200 + ordinal),
  }));
}

export function sampleSegment(options = {}): EncodedSegment {
  return encodeSegment(SEGMENT_ID, sampleDocuments(), options);
}

/** Runs `work` and returns the code of the LzeroError that it throws; "none" or "other: …" otherwise. */
export function errorCodeOf(work: () => unknown): string {
  try {
    work();
    return "none";
  } catch (error) {
    return error instanceof LzeroError ? error.code : `other: ${String(error)}`;
  }
}

/**
 * Writes a segment: documents with their quantized vectors go in, pages come out. It neither encodes text nor
 * quantizes, and it stores nothing.
 */
import { LzeroError } from "../errors.ts";
import { ByteWriter } from "./bytes.ts";
import { encodeDocumentRecord } from "./document-page.ts";
import { invertVectors } from "./invert-vectors.ts";
import { MAX_SEGMENT_DOCUMENTS, MAX_TERM_ID } from "./limits.ts";
import { encodePostingList } from "./posting-list.ts";
import {
  assembleSegment,
  type EncodedSegment,
  type SegmentContent,
  type SegmentOptions,
} from "./segment-assembly.ts";
import type { SegmentDocument } from "./stored-document.ts";
import type { TermColumns } from "./term-directory.ts";

export type { EncodedSegment, SegmentOptions } from "./segment-assembly.ts";
export type { SegmentDocument, StoredDocument, StoredFields } from "./stored-document.ts";

/**
 * Encodes documents as one segment.
 * @param segmentId 32 hex digits, random, never used before
 * @param documents in ordinal order
 * @throws LzeroError `segment_input_invalid` naming the ordinal; `page_too_large`, `segment_too_large`
 */
export function encodeSegment(
  segmentId: string,
  documents: readonly SegmentDocument[],
  options: SegmentOptions = {},
): EncodedSegment {
  if (documents.length > MAX_SEGMENT_DOCUMENTS) {
    throw new LzeroError("segment_too_large", `${documents.length} documents do not fit one segment`, {
      expected: MAX_SEGMENT_DOCUMENTS,
      actual: documents.length,
    });
  }
  documents.forEach(checkDocument);
  const { columns, lists, cuts } = invert(documents);
  const { records, recordEnds } = encodeRecords(documents);
  return assembleSegment(
    segmentId,
    { documents: documents.length, columns, lists, cuts, records, recordEnds },
    options,
  );
}

/** Turns vectors into posting lists, term by term. */
function invert(documents: readonly SegmentDocument[]): Pick<SegmentContent, "columns" | "lists" | "cuts"> {
  const { starts, ordinals, impacts, textFrequencies } = invertVectors(documents);
  const present: number[] = [];
  for (let term = 0; term < textFrequencies.length; term++) {
    if (starts[term + 1]! > starts[term]! || textFrequencies[term]! > 0) present.push(term);
  }
  const columns: TermColumns = {
    termIds: Uint32Array.from(present),
    documentFrequencies: new Uint32Array(present.length),
    textFrequencies: Uint32Array.from(present, (term) => textFrequencies[term]!),
    maxImpacts: new Uint8Array(present.length),
    lengths: new Uint32Array(present.length),
  };
  const lists = new ByteWriter(ordinals.length * 2);
  const cuts = new Map<number, number[]>();
  present.forEach((term, index) => {
    const start = starts[term]!;
    const end = starts[term + 1]!;
    const before = lists.length;
    const listCuts = encodePostingList(lists, ordinals, impacts, start, end, documents.length);
    if (listCuts.length > 0) cuts.set(index, listCuts);
    columns.documentFrequencies[index] = end - start;
    columns.maxImpacts[index] = largest(impacts, start, end);
    columns.lengths[index] = lists.length - before;
  });
  return { columns, lists: lists.view(), cuts };
}

function encodeRecords(
  documents: readonly SegmentDocument[],
): Pick<SegmentContent, "records" | "recordEnds"> {
  const writer = new ByteWriter(documents.length * 256);
  const recordEnds = new Float64Array(documents.length + 1);
  documents.forEach((document, ordinal) => {
    encodeDocumentRecord(writer, document);
    recordEnds[ordinal + 1] = writer.length;
  });
  return { records: writer.view(), recordEnds };
}

function largest(bytes: Uint8Array, start: number, end: number): number {
  let maximum = 0;
  for (let at = start; at < end; at++) if (bytes[at]! > maximum) maximum = bytes[at]!;
  return maximum;
}

function checkDocument(document: SegmentDocument, ordinal: number): void {
  const fail = (problem: string) =>
    new LzeroError("segment_input_invalid", `document ${ordinal} (${document.id}): ${problem}`, {
      ordinal,
      id: document.id,
    });
  if (document.id === "") throw fail("the id is empty");
  if (!Number.isSafeInteger(document.version) || document.version < 0) {
    throw fail(`version ${document.version} is no integer from 0 to 2^53 - 1`);
  }
  if (document.termIds.length !== document.impacts.length) {
    throw fail(`${document.termIds.length} terms, ${document.impacts.length} impacts`);
  }
  if (!isStrictlyAscending(document.termIds)) throw fail("the term ids are not strictly ascending");
  if (!isStrictlyAscending(document.ownTermIds)) throw fail("the own term ids are not strictly ascending");
  if (document.impacts.includes(0)) throw fail("an impact is 0");
}

function isStrictlyAscending(termIds: Uint32Array): boolean {
  for (let at = 1; at < termIds.length; at++) if (termIds[at]! <= termIds[at - 1]!) return false;
  return termIds.length === 0 || termIds[termIds.length - 1]! <= MAX_TERM_ID;
}

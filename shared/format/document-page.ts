/**
 * Stored documents: a record a document, and the table of record offsets that lets one document be decoded without
 * its neighbours. Postings are not here; a document's own term ids are, for merges, after the fields.
 */
import { LzeroError } from "../errors.ts";
import type { Metadata } from "../messages/document.ts";
import { ByteReader, type ByteWriter, readU32 } from "./bytes.ts";
import { type ByteOrigin, pageCorrupt } from "./errors.ts";
import { MAX_TERM_ID } from "./limits.ts";
import { PAGE_HEADER_BYTES } from "./page.ts";
import type { SegmentDocument, StoredDocument } from "./stored-document.ts";

const HAS_TITLE = 1;
const HAS_URL = 2;
const HAS_METADATA = 4;
const KNOWN_FLAGS = HAS_TITLE | HAS_URL | HAS_METADATA;

/** first ordinal and count. */
const BODY_HEADER_BYTES = 8;
/** Length of id, one byte of id, version, flags, length of text, count of own terms. */
const MIN_RECORD_BYTES = 6;
/** What a document takes at least: a record and its entry in the offset table. */
export const MIN_DOCUMENT_BYTES = MIN_RECORD_BYTES + 4;

/** Where a run of documents lies in the payload of a page. */
export interface DocumentPlace {
  readonly key: string;
  readonly payload: Uint8Array;
  readonly offset: number;
  readonly length: number;
  readonly firstOrdinal: number;
  readonly count: number;
}

/** Bytes of `count` documents whose records have `recordBytes` together. */
export function documentBodyBytes(count: number, recordBytes: number): number {
  return BODY_HEADER_BYTES + 4 * (count + 1) + recordBytes;
}

/** Appends the record of one document. */
export function encodeDocumentRecord(writer: ByteWriter, document: SegmentDocument): void {
  const { title, text, url, metadata } = document.fields;
  writer.string(document.id);
  writer.varint(document.version);
  writer.u8(
    (title === null ? 0 : HAS_TITLE) | (url === null ? 0 : HAS_URL) | (metadata === null ? 0 : HAS_METADATA),
  );
  if (title !== null) writer.string(title);
  writer.string(text);
  if (url !== null) writer.string(url);
  if (metadata !== null) writer.string(JSON.stringify(metadata));
  writer.varint(document.ownTermIds.length);
  let previous = 0;
  for (const termId of document.ownTermIds) {
    writer.varint(termId - previous);
    previous = termId;
  }
}

/** Appends a run of records, the first one of `firstOrdinal`, with its header and offset table. */
export function encodeDocumentBody(
  writer: ByteWriter,
  records: readonly Uint8Array[],
  firstOrdinal: number,
): void {
  writer.u32(firstOrdinal);
  writer.u32(records.length);
  let end = 0;
  writer.u32(end);
  for (const { length } of records) {
    end += length;
    writer.u32(end);
  }
  for (const record of records) writer.bytes(record);
}

/**
 * Finds the record of one ordinal.
 * @returns offsets in the payload
 * @throws LzeroError `page_corrupt`, `ordinal_out_of_range`
 */
export function locateRecord(place: DocumentPlace, ordinal: number): { start: number; end: number } {
  const { key, payload, offset, length, firstOrdinal, count } = place;
  const index = ordinal - firstOrdinal;
  if (!(index >= 0 && index < count)) {
    throw new LzeroError("ordinal_out_of_range", `${key} does not hold ordinal ${ordinal}`, { key, ordinal });
  }
  const at = (byte: number) => PAGE_HEADER_BYTES + byte;
  const recordsAt = offset + documentBodyBytes(count, 0);
  const recordBytes = offset + length - recordsAt;
  if (offset + length > payload.length || recordBytes < 0) {
    throw pageCorrupt(key, at(offset), "the room for documents", length, payload.length - offset);
  }
  if (readU32(payload, offset) !== firstOrdinal) {
    throw pageCorrupt(key, at(offset), "the first ordinal", firstOrdinal, readU32(payload, offset));
  }
  if (readU32(payload, offset + 4) !== count) {
    throw pageCorrupt(key, at(offset + 4), "the number of documents", count, readU32(payload, offset + 4));
  }
  const entryAt = offset + BODY_HEADER_BYTES + 4 * index;
  const start = readU32(payload, entryAt);
  const end = readU32(payload, entryAt + 4);
  if (end > recordBytes || start + MIN_RECORD_BYTES > end) {
    throw pageCorrupt(
      key,
      at(entryAt),
      "a record",
      `at least ${MIN_RECORD_BYTES} of ${recordBytes} bytes`,
      `${start} to ${end}`,
    );
  }
  return { start: recordsAt + start, end: recordsAt + end };
}

/** Decodes the document of one ordinal. @throws LzeroError `page_corrupt`, `ordinal_out_of_range` */
export function decodeDocument(place: DocumentPlace, ordinal: number): StoredDocument {
  return readFields(recordReader(place, ordinal));
}

/** Decodes only what the catalog knows a document by. @throws LzeroError `page_corrupt`, `ordinal_out_of_range` */
export function decodeDocumentHead(place: DocumentPlace, ordinal: number): { id: string; version: number } {
  return readHead(recordReader(place, ordinal));
}

/**
 * Decodes the term ids of a document's own tokens.
 * @returns strictly ascending
 * @throws LzeroError `page_corrupt`, `ordinal_out_of_range`
 */
export function decodeOwnTermIds(place: DocumentPlace, ordinal: number): Uint32Array {
  const reader = recordReader(place, ordinal);
  readFields(reader);
  const termIds = new Uint32Array(reader.varint(reader.remaining, "the number of own terms"));
  let termId = 0;
  for (let index = 0; index < termIds.length; index++) {
    const gap = reader.varint(MAX_TERM_ID, "a gap of own terms");
    if (gap === 0 && index > 0) throw reader.corrupt("a gap of own terms", "at least 1", 0);
    termId += gap;
    if (termId > MAX_TERM_ID) throw reader.corrupt("an own term", `at most ${MAX_TERM_ID}`, termId);
    termIds[index] = termId;
  }
  reader.end("a record");
  return termIds;
}

function recordReader(place: DocumentPlace, ordinal: number): ByteReader {
  const { start, end } = locateRecord(place, ordinal);
  const origin: ByteOrigin = { key: place.key, baseOffset: PAGE_HEADER_BYTES };
  return new ByteReader(place.payload, origin, start, end);
}

function readHead(reader: ByteReader): { id: string; version: number } {
  const id = reader.string("a document id");
  if (id === "") throw reader.corrupt("a document id", "a character", "empty");
  return { id, version: reader.varint(Number.MAX_SAFE_INTEGER, "a version") };
}

function readFields(reader: ByteReader): StoredDocument {
  const { id, version } = readHead(reader);
  const flags = reader.u8("the flags of a record");
  if ((flags & ~KNOWN_FLAGS) !== 0) throw reader.corrupt("the flags of a record", KNOWN_FLAGS, flags);
  const title = flags & HAS_TITLE ? reader.string("a title") : null;
  const text = reader.string("a text");
  const url = flags & HAS_URL ? reader.string("a URL") : null;
  const metadata = flags & HAS_METADATA ? readMetadata(reader) : null;
  return { id, version, fields: { title, text, url, metadata } };
}

function readMetadata(reader: ByteReader): Metadata {
  const json = reader.string("the metadata");
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw reader.corrupt("the metadata", "JSON", "other text", cause);
  }
  if (!isMetadata(value))
    throw reader.corrupt("the metadata", "an object of scalars and their arrays", "not so");
  return value;
}

/** The shape of `metadataSchema`, without rebuilding the object. */
function isMetadata(value: unknown): value is Metadata {
  return isObject(value) && Object.values(value).every((item) => isScalar(item) || isScalarArray(item));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isScalarArray(value: unknown): boolean {
  return Array.isArray(value) && value.every(isScalar);
}

function isScalar(value: unknown): boolean {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

/**
 * The bytes of the encode cache: a file header, then records of a key and a vector, each with two checksums, so that
 * damage of a length and damage of content are both seen. Little-endian. In and out: bytes and vectors; no files here.
 *
 *     file header   0 "LZVC" · 4 u32 version · 8 16 bytes fingerprint · 24 u32 zero · 28 u32 CRC-32C of bytes 0..27
 *     record        0 u32 body length · 4 16 bytes key · 20 u32 CRC-32C of the body · 24 u32 CRC-32C of bytes 0..23 · body
 *     body          varints: tokens, unseen tokens, cut weights, terms, own terms, then the gaps of the term ids and of
 *                   the own term ids; float32 weights
 */
import { type ErrorDetails, LzeroError } from "../../../shared/errors.ts";
import { ByteReader, ByteWriter, littleEndianCopy } from "../../../shared/format/bytes.ts";
import { crc32c } from "../../../shared/format/crc32c.ts";
import type { EncodedDocument } from "../encoder.ts";

export const FILE_HEADER_BYTES = 32;
export const RECORD_HEADER_BYTES = 28;
export const KEY_BYTES = 16;

const MAGIC = 0x43565a4c;
const VERSION = 1;
/** A vector of a whole vocabulary is a tenth of this; a longer body is damage. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** What a record's header says of it. */
export interface RecordHeader {
  readonly key: Uint8Array;
  readonly bodyBytes: number;
  readonly bodyChecksum: number;
}

/** @param fingerprint 32 hex digits */
export function encodeFileHeader(fingerprint: string): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  for (let at = 0; at < KEY_BYTES; at++)
    bytes[8 + at] = Number.parseInt(fingerprint.slice(at * 2, at * 2 + 2), 16);
  view.setUint32(28, crc32c(bytes.subarray(0, 28)), true);
  return bytes;
}

/** @throws LzeroError `encode_cache_corrupt` when the file is not one of this fingerprint and version */
export function checkFileHeader(bytes: Uint8Array, fingerprint: string, file: string): void {
  const expected = encodeFileHeader(fingerprint);
  for (let at = 0; at < FILE_HEADER_BYTES; at++) {
    if (bytes[at] !== expected[at]) throw corrupt(file, at, expected[at]!, bytes[at] ?? "end of file");
  }
}

export function encodeRecord(key: Uint8Array, document: EncodedDocument): Uint8Array {
  const body = encodeBody(document);
  const bytes = new Uint8Array(RECORD_HEADER_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length, true);
  bytes.set(key, 4);
  view.setUint32(20, crc32c(body), true);
  view.setUint32(24, crc32c(bytes.subarray(0, 24)), true);
  bytes.set(body, RECORD_HEADER_BYTES);
  return bytes;
}

/** @throws LzeroError `encode_cache_corrupt`: where the next record lies is unknown then */
export function decodeRecordHeader(bytes: Uint8Array, file: string, offset: number): RecordHeader {
  if (bytes.length < RECORD_HEADER_BYTES) throw corrupt(file, offset, RECORD_HEADER_BYTES, bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, RECORD_HEADER_BYTES);
  const checksum = crc32c(bytes.subarray(0, 24));
  if (view.getUint32(24, true) !== checksum) throw corrupt(file, offset, checksum, view.getUint32(24, true));
  const bodyBytes = view.getUint32(0, true);
  if (bodyBytes > MAX_BODY_BYTES) throw corrupt(file, offset, MAX_BODY_BYTES, bodyBytes);
  return { key: bytes.slice(4, 4 + KEY_BYTES), bodyBytes, bodyChecksum: view.getUint32(20, true) };
}

/**
 * Reads one record as it was written under a key.
 * @param bytes header and body
 * @throws LzeroError `encode_cache_corrupt`
 */
export function decodeRecord(
  bytes: Uint8Array,
  key: Uint8Array,
  file: string,
  offset: number,
): EncodedDocument {
  const header = decodeRecordHeader(bytes, file, offset);
  const body = bytes.subarray(RECORD_HEADER_BYTES);
  if (body.length !== header.bodyBytes) throw corrupt(file, offset, header.bodyBytes, body.length);
  if (header.key.some((byte, at) => byte !== key[at]))
    throw corrupt(file, offset, toHex(key), toHex(header.key));
  const checksum = crc32c(body);
  if (checksum !== header.bodyChecksum) throw corrupt(file, offset, header.bodyChecksum, checksum);
  return decodeBody(body, file);
}

function encodeBody(document: EncodedDocument): Uint8Array {
  const { termIds, weights, ownTermIds, tokenCount, unseenTokens, cutByTopK } = document;
  const writer = new ByteWriter(64 + termIds.length * 6 + ownTermIds.length * 2);
  for (const count of [tokenCount, unseenTokens, cutByTopK, termIds.length, ownTermIds.length])
    writer.varint(count);
  writeGaps(writer, termIds);
  writeGaps(writer, ownTermIds);
  const asBytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  writer.bytes(new Uint8Array(littleEndianCopy(asBytes, 4)));
  return writer.view().slice();
}

function decodeBody(body: Uint8Array, file: string): EncodedDocument {
  const reader = new ByteReader(body, { key: file, baseOffset: 0 });
  const count = (what: string) => reader.varint(0xffff_ffff, what);
  const tokenCount = count("tokens");
  const unseenTokens = count("unseen tokens");
  const cutByTopK = count("cut weights");
  const terms = count("terms");
  const ownTerms = count("own terms");
  const termIds = readGaps(reader, terms);
  const ownTermIds = readGaps(reader, ownTerms);
  const weights = new Float32Array(littleEndianCopy(reader.bytes(terms * 4, "weights"), 4));
  reader.end("the weights");
  return {
    termIds,
    weights,
    ownTermIds,
    tokenCount,
    truncated: unseenTokens > 0,
    unseenTokens,
    cutByTopK,
  };
}

/** Ascending ids as the differences of neighbours. */
function writeGaps(writer: ByteWriter, ids: Uint32Array): void {
  let before = 0;
  for (const id of ids) {
    writer.varint(id - before);
    before = id;
  }
}

function readGaps(reader: ByteReader, count: number): Uint32Array {
  reader.need(count, "term ids");
  const ids = new Uint32Array(count);
  let id = 0;
  for (let at = 0; at < count; at++) {
    id += reader.varint(0xffff_ffff, "a term id");
    ids[at] = id;
  }
  return ids;
}

function corrupt(
  file: string,
  offset: number,
  expected: ErrorDetails[string],
  actual: ErrorDetails[string],
): LzeroError {
  return new LzeroError("encode_cache_corrupt", `${file} is damaged at byte ${offset}`, {
    file,
    offset,
    expected,
    actual,
  });
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/**
 * The documents of a merged segment: records of the survivors come out in their new order, as they are stored, with what
 * the catalog knows each one by. In another order than the given one they are first distributed over buckets, each for a
 * range of new ordinals, since pages can only be read one after another at speed; then bucket after bucket is put in order.
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { documentKey } from "../catalog/document-key.ts";
import { decodeDocumentHead, locateRecord } from "./document-page.ts";
import { countSurvivors, DROPPED, type MergeSource } from "./merge-sources.ts";
import { documentPlace } from "./segment-reader.ts";
import type { ByteSource, OpenSpool, Spool } from "./spool.ts";

/** A document of the merged segment, as the catalog is told of it. */
export interface MergedDocument {
  readonly key: string;
  readonly version: number;
}

export interface MergedRecord extends MergedDocument {
  readonly ordinal: number;
  /** As it is stored: bytes that nobody writes to any more. */
  readonly record: Uint8Array;
}

export interface RecordOptions {
  readonly isReordered: boolean;
  /** Size that buckets aim at; one of up to twice that is read as a whole. */
  readonly bucketBytes: number;
  readonly openSpool: OpenSpool;
}

/** Each bucket has a buffer and may have an open file. */
const MAX_BUCKETS = 256;
/** Before a record in a bucket: u32 new ordinal, u32 length, 16 bytes of key, f64 version. */
const ENTRY_HEADER_BYTES = 32;

/** Records in the order of the new ordinals. @throws LzeroError `page_corrupt` */
export function* mergeRecords(
  sources: readonly MergeSource[],
  { isReordered, bucketBytes, openSpool }: RecordOptions,
): Generator<MergedRecord> {
  if (!isReordered) {
    yield* storedRecords(sources);
    return;
  }
  const documents = countSurvivors(sources);
  const wanted = Math.ceil(storedBytes(sources) / Math.max(1, bucketBytes));
  const size = Math.ceil(documents / Math.max(1, Math.min(MAX_BUCKETS, wanted)));
  const buckets: Spool[] = [];
  for (let first = 0; first < documents; first += size) buckets.push(openSpool(`bucket-${buckets.length}`));
  const header = new Uint8Array(ENTRY_HEADER_BYTES);
  const view = new DataView(header.buffer);
  for (const { ordinal, record, key, version } of storedRecords(sources)) {
    view.setUint32(0, ordinal, true);
    view.setUint32(4, record.length, true);
    header.set(hexToBytes(key), 8);
    view.setFloat64(24, version, true);
    const bucket = buckets[Math.floor(ordinal / size)]!;
    bucket.append(header);
    bucket.append(record);
  }
  for (const [at, bucket] of buckets.entries()) {
    const first = at * size;
    yield* sortedRecords(bucket, first, Math.min(size, documents - first), 2 * bucketBytes);
    bucket.discard();
  }
}

/** Records source by source, by ordinal. */
function* storedRecords(sources: readonly MergeSource[]): Generator<MergedRecord> {
  for (const { root, payloadOf, newOrdinals } of sources) {
    for (const page of root.documentPages()) {
      const { firstOrdinal, count } = page;
      const place = documentPlace(root, payloadOf(page.page), page);
      for (let ordinal = firstOrdinal; ordinal < firstOrdinal + count; ordinal++) {
        const newOrdinal = newOrdinals[ordinal]!;
        if (newOrdinal === DROPPED) continue;
        const { id, version } = decodeDocumentHead(place, ordinal);
        const { start, end } = locateRecord(place, ordinal);
        const record = place.payload.subarray(start, end);
        yield { ordinal: newOrdinal, record, key: documentKey(id), version };
      }
    }
  }
}

/** @param wholeBytes a bucket of at most so many is read at once, of a larger one (sizes may be skewed) record by record */
function* sortedRecords(
  bucket: ByteSource,
  first: number,
  count: number,
  wholeBytes: number,
): Generator<MergedRecord> {
  const { length } = bucket;
  const whole = length <= wholeBytes ? bucket.read(0, length) : null;
  const read = (start: number, end: number) => whole?.subarray(start, end) ?? bucket.read(start, end);
  const starts = new Float64Array(count);
  for (let at = 0; at < length; ) {
    const view = viewOf(read(at, at + 8));
    starts[view.getUint32(0, true) - first] = at;
    at += ENTRY_HEADER_BYTES + view.getUint32(4, true);
  }
  for (let index = 0; index < count; index++) {
    const start = starts[index]!;
    const header = read(start, start + ENTRY_HEADER_BYTES);
    const recordAt = start + ENTRY_HEADER_BYTES;
    const view = viewOf(header);
    yield {
      ordinal: first + index,
      record: read(recordAt, recordAt + view.getUint32(4, true)),
      key: bytesToHex(header.subarray(8, 24)),
      version: view.getFloat64(24, true),
    };
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Bytes of the buckets together, about: of what is stored, dropped documents included. */
function storedBytes(sources: readonly MergeSource[]): number {
  let sum = 0;
  for (const { root } of sources) {
    sum += root.documents * ENTRY_HEADER_BYTES;
    for (const { length } of root.documentPages()) sum += length;
  }
  return sum;
}

/**
 * The catalog's keys: one byte that names the kind of row, then fixed-width fields, integers big-endian so that memcmp
 * order is numeric order.
 *
 *     S                                        the index's state
 *     g generation:8                           a retained generation: its segments
 *     m segmentId:16                           a segment's number, or 0 for an id that is dead for good
 *     n segment:4                              a segment's record
 *     c segment:4 firstOrdinal:4               a chunk of its documents, by ordinal
 *     l documentKey:16 segment:4               where a document lies in a segment; segment 0: its deletion
 *     w segment:4 ordinal:4                    the condition of a conditional write, until its commit
 *     t segment:4 window:4 generation:8        tombstones of a window of 65,536 ordinals from that generation on
 *     i ingestId:16                            an ingest
 *     e ingestId:16 position:2                 why a position failed
 *     p acceptedAtMs:8 ingestId:16             ingests with pending positions, oldest first
 *     a acceptedAtMs:8 ingestId:16             all ingests, oldest first
 *     r removalId:16                           a deletion request with an Idempotency-Key, and its answer
 *     y removedAtMs:8 removalId:16             these, oldest first
 *     q deletedAtMs:8 documentKey:16           deletions, oldest first, with the first generation that knows of each
 *     z collectedAtMs:8 segmentId:16           dead segment ids, oldest first, with the pages to collect again
 */

export type RowKind =
  | ("S" | "g" | "m" | "n" | "c" | "l" | "w" | "t")
  | ("i" | "e" | "p" | "a" | "r" | "y" | "q" | "z");
/** Kinds whose keys begin with a time. */
export type TimedKind = "p" | "a" | "y" | "q" | "z";

/** Segment number under which a document's deletion is kept; real segments count from 1. */
export const DELETION_SEGMENT = 0;

const UINT32 = 2 ** 32;

export const STATE_KEY = key("S", 0).bytes;

export function kindPrefix(kind: RowKind): Uint8Array {
  return key(kind, 0).bytes;
}

export function generationKey(generation: number): Uint8Array {
  const { bytes, view } = key("g", 8);
  writeUint64(view, 1, generation);
  return bytes;
}

/** Kinds m, i, r: one id of 16 bytes. */
export function idKey(kind: "m" | "i" | "r", id: string): Uint8Array {
  const { bytes } = key(kind, 16);
  writeHex(bytes, 1, id);
  return bytes;
}

export function segmentKey(segment: number): Uint8Array {
  const { bytes, view } = key("n", 4);
  view.setUint32(1, segment);
  return bytes;
}

export function chunkPrefix(segment: number): Uint8Array {
  const { bytes, view } = key("c", 4);
  view.setUint32(1, segment);
  return bytes;
}

export function chunkKey(segment: number, firstOrdinal: number): Uint8Array {
  const { bytes, view } = key("c", 8);
  view.setUint32(1, segment);
  view.setUint32(5, firstOrdinal);
  return bytes;
}

export function conditionPrefix(segment: number): Uint8Array {
  const { bytes, view } = key("w", 4);
  view.setUint32(1, segment);
  return bytes;
}

export function conditionKey(segment: number, ordinal: number): Uint8Array {
  const { bytes, view } = key("w", 8);
  view.setUint32(1, segment);
  view.setUint32(5, ordinal);
  return bytes;
}

export function conditionOrdinal(bytes: Uint8Array): number {
  return viewOf(bytes).getUint32(5);
}

/** First ordinal of a chunk's key. */
export function chunkFirstOrdinal(bytes: Uint8Array): number {
  return viewOf(bytes).getUint32(5);
}

export function locationPrefix(documentKey: string): Uint8Array {
  const { bytes } = key("l", 16);
  writeHex(bytes, 1, documentKey);
  return bytes;
}

export function locationKey(documentKey: string, segment: number): Uint8Array {
  const { bytes, view } = key("l", 20);
  writeHex(bytes, 1, documentKey);
  view.setUint32(17, segment);
  return bytes;
}

/** Segment number of a location key. */
export function locationSegment(bytes: Uint8Array): number {
  return viewOf(bytes).getUint32(17);
}

export function tombstonePrefix(segment: number, window?: number): Uint8Array {
  const { bytes, view } = key("t", window === undefined ? 4 : 8);
  view.setUint32(1, segment);
  if (window !== undefined) view.setUint32(5, window);
  return bytes;
}

export function tombstoneKey(segment: number, window: number, generation: number): Uint8Array {
  const { bytes, view } = key("t", 16);
  view.setUint32(1, segment);
  view.setUint32(5, window);
  writeUint64(view, 9, generation);
  return bytes;
}

export function tombstoneWindow(bytes: Uint8Array): number {
  return viewOf(bytes).getUint32(5);
}

export function tombstoneGeneration(bytes: Uint8Array): number {
  return readUint64(viewOf(bytes), 9);
}

export function failurePrefix(ingestId: string): Uint8Array {
  const { bytes } = key("e", 16);
  writeHex(bytes, 1, ingestId);
  return bytes;
}

export function failureKey(ingestId: string, position: number): Uint8Array {
  const { bytes, view } = key("e", 18);
  writeHex(bytes, 1, ingestId);
  view.setUint16(17, position);
  return bytes;
}

export function failurePosition(bytes: Uint8Array): number {
  return viewOf(bytes).getUint16(17);
}

/** A time, then an id; listed oldest first. */
export function timedKey(kind: TimedKind, timeMs: number, id: string): Uint8Array {
  const { bytes, view } = key(kind, 24);
  writeUint64(view, 1, timeMs);
  writeHex(bytes, 9, id);
  return bytes;
}

/** The first key of a timed kind at or after a time. */
export function timedStart(kind: TimedKind, timeMs: number): Uint8Array {
  const { bytes, view } = key(kind, 8);
  writeUint64(view, 1, Math.max(0, timeMs));
  return bytes;
}

export function timeOf(bytes: Uint8Array): number {
  return readUint64(viewOf(bytes), 1);
}

export function timedId(bytes: Uint8Array): string {
  return readHex(bytes, 9, 16);
}

/** The least key after this one. */
export function afterKey(bytes: Uint8Array): Uint8Array {
  const next = new Uint8Array(bytes.length + 1);
  next.set(bytes);
  return next;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Writes a non-negative integer up to 2^53 - 1 in 8 bytes. */
export function writeUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, Math.floor(value / UINT32));
  view.setUint32(offset + 4, value % UINT32);
}

export function readUint64(view: DataView, offset: number): number {
  return view.getUint32(offset) * UINT32 + view.getUint32(offset + 4);
}

export function writeHex(bytes: Uint8Array, offset: number, hex: string): void {
  for (let i = 0; i < hex.length; i += 2) {
    bytes[offset + (i >>> 1)] = (hexDigit(hex.charCodeAt(i)) << 4) | hexDigit(hex.charCodeAt(i + 1));
  }
}

const HEX_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function readHex(bytes: Uint8Array, offset: number, length: number): string {
  let hex = "";
  for (let i = offset; i < offset + length; i++) hex += HEX_OF_BYTE[bytes[i]!]!;
  return hex;
}

function hexDigit(code: number): number {
  return code < 58 ? code - 48 : code - 87;
}

function key(kind: RowKind, length: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(1 + length);
  bytes[0] = kind.charCodeAt(0);
  return { bytes, view: viewOf(bytes) };
}

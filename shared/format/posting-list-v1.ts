/**
 * The posting list of format version 1, and of the shortest lists of version 2: ordinals as varint gaps (the first
 * absolute), then one impact byte a posting. Ordinals go in and come out strictly ascending; nothing is assumed of
 * stored bytes.
 */
import type { ByteWriter } from "./bytes.ts";
import { pageCorrupt } from "./errors.ts";
import { MAX_SEGMENT_DOCUMENTS } from "./limits.ts";
import { PAGE_HEADER_BYTES } from "./page.ts";
import type { PostingList } from "./posting-list.ts";

/** Where a list lies in a page and what its directory entry says about it. */
export interface PostingListPlaceV1 {
  readonly key: string;
  /** Payload of the page. */
  readonly payload: Uint8Array;
  /** Offset in the payload; `offset + length` is checked against the payload here. */
  readonly offset: number;
  readonly length: number;
  readonly documentFrequency: number;
  readonly maxImpact: number;
  /** Documents of the segment: ordinals lie below. */
  readonly documents: number;
}

/** Appends `ordinals[start, end)` and their impacts as one list; the caller has checked order and range. */
export function encodePostingListV1(
  writer: ByteWriter,
  ordinals: Uint32Array,
  impacts: Uint8Array,
  start: number,
  end: number,
): void {
  let previous = 0;
  for (let at = start; at < end; at++) {
    writer.varint(ordinals[at]! - previous);
    previous = ordinals[at]!;
  }
  writer.bytes(impacts.subarray(start, end));
}

/**
 * Decodes a list into arrays.
 * @throws LzeroError `page_corrupt`
 */
export function decodePostingsV1(place: PostingListPlaceV1): PostingList {
  const count = place.documentFrequency;
  const { payload, documents } = place;
  const impactsAt = checkExtent(place);
  const ordinals = new Uint32Array(count);
  const impacts = payload.slice(impactsAt, impactsAt + count);
  let at = place.offset;
  let ordinal = 0;
  let maxImpact = 0;
  for (let index = 0; index < count; index++) {
    let gap = payload[at++]!;
    if (gap >= 0x80) {
      gap = longGap(payload, at, gap);
      at += gap < 0x4000 ? 1 : gap < 0x20_0000 ? 2 : 3;
    }
    if (gap === 0 && index > 0) throw corruptGap(place, at, "at least 1", 0);
    ordinal += gap;
    if (ordinal >= documents) throw corruptGap(place, at, `less than ${documents}`, ordinal);
    ordinals[index] = ordinal;
    const impact = impacts[index]!;
    if (impact === 0) throw corruptImpact(place, impactsAt + index);
    if (impact > maxImpact) maxImpact = impact;
  }
  checkEnd(place, at, impactsAt, maxImpact);
  return { ordinals, impacts };
}

/** No valid gap: past the ordinals of any segment. */
const BAD_GAP = MAX_SEGMENT_DOCUMENTS + 1;

/** A gap of two to four bytes, its first byte given; BAD_GAP for a padded or longer varint. */
function longGap(payload: Uint8Array, at: number, first: number): number {
  let byte = payload[at]!;
  let gap = (first & 0x7f) | ((byte & 0x7f) << 7);
  if (byte < 0x80) return gap < 0x80 ? BAD_GAP : gap;
  byte = payload[at + 1]!;
  gap |= (byte & 0x7f) << 14;
  if (byte < 0x80) return gap < 0x4000 ? BAD_GAP : gap;
  byte = payload[at + 2]!;
  gap |= byte << 21;
  return byte < 0x80 && gap >= 0x20_0000 ? gap : BAD_GAP;
}

/** Returns where the impacts begin. */
function checkExtent(place: PostingListPlaceV1): number {
  const end = place.offset + place.length;
  if (end > place.payload.length) {
    throw pageCorrupt(
      place.key,
      PAGE_HEADER_BYTES + place.offset,
      "the end of a posting list",
      `at most ${place.payload.length}`,
      end,
    );
  }
  const impactsAt = end - place.documentFrequency;
  if (impactsAt < place.offset + place.documentFrequency) {
    throw pageCorrupt(
      place.key,
      PAGE_HEADER_BYTES + place.offset,
      "the length of a posting list",
      `at least ${2 * place.documentFrequency}`,
      place.length,
    );
  }
  return impactsAt;
}

function checkEnd(place: PostingListPlaceV1, at: number, impactsAt: number, maxImpact: number): void {
  if (at !== impactsAt) {
    throw pageCorrupt(place.key, PAGE_HEADER_BYTES + at, "the end of the ordinals", impactsAt, at);
  }
  if (maxImpact !== place.maxImpact) {
    throw pageCorrupt(
      place.key,
      PAGE_HEADER_BYTES + impactsAt,
      "the largest impact",
      place.maxImpact,
      maxImpact,
    );
  }
}

function corruptGap(place: PostingListPlaceV1, at: number, expected: string, actual: number) {
  return pageCorrupt(
    place.key,
    PAGE_HEADER_BYTES + at,
    actual === 0 ? "a gap" : "an ordinal",
    expected,
    actual,
  );
}

function corruptImpact(place: PostingListPlaceV1, at: number) {
  return pageCorrupt(place.key, PAGE_HEADER_BYTES + at, "an impact", "1 to 255", 0);
}

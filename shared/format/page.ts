/**
 * The page: what every KV value of the index is. A payload goes in, header and payload come out, and back again with
 * magic, version, length, checksum, kind, owner and number checked. What payloads mean is for the other codecs.
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { LzeroError } from "../errors.ts";
import { readU32, writeU32 } from "./bytes.ts";
import { crc32c } from "./crc32c.ts";
import { pageCorrupt } from "./errors.ts";

/** What is written; version 1 is still read. */
export const FORMAT_VERSION = 2;
const OLDEST_VERSION = 1;
export const PAGE_HEADER_BYTES = 36;
/** KV takes values of 25 MiB (Cloudflare docs, "KV limits"); this leaves room. */
export const MAX_PAGE_BYTES = 24 * 1024 * 1024;

export const PAGE_KIND = {
  segmentRoot: 1,
  postings: 2,
  documents: 3,
  queryTables: 4,
  manifest: 5,
} as const;
export type PageKind = (typeof PAGE_KIND)[keyof typeof PAGE_KIND];

/** "LZRO" as a little-endian u32. */
const MAGIC = 0x4f525a4c;
const KIND_OFFSET = 5;
const OWNER_OFFSET = 8;
const PAGE_NUMBER_OFFSET = 24;
const PAYLOAD_LENGTH_OFFSET = 28;
const CHECKSUM_OFFSET = 32;
const OWNER_PATTERN = /^[0-9a-f]{32}$/;

/**
 * Puts the header before a payload.
 * @param owner 32 hex digits: segment id, fingerprint of tables, or hash of an index name
 * @throws LzeroError `page_too_large` above 24 MiB, `page_owner_invalid`
 */
export function encodePage(
  kind: PageKind,
  owner: string,
  pageNumber: number,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const sizeBytes = PAGE_HEADER_BYTES + payload.length;
  if (sizeBytes > MAX_PAGE_BYTES) {
    throw new LzeroError("page_too_large", `page ${pageNumber} of ${owner} has ${sizeBytes} bytes`, {
      page: pageNumber,
      expected: MAX_PAGE_BYTES,
      actual: sizeBytes,
    });
  }
  if (!OWNER_PATTERN.test(owner)) {
    throw new LzeroError("page_owner_invalid", `${owner} is not 32 hex digits`, { actual: owner });
  }
  const value = new Uint8Array(sizeBytes);
  writeU32(value, 0, MAGIC);
  value[4] = FORMAT_VERSION;
  value[KIND_OFFSET] = kind;
  value.set(hexToBytes(owner), OWNER_OFFSET);
  writeU32(value, PAGE_NUMBER_OFFSET, pageNumber);
  writeU32(value, PAYLOAD_LENGTH_OFFSET, payload.length);
  value.set(payload, PAGE_HEADER_BYTES);
  writeU32(value, CHECKSUM_OFFSET, checksumOf(value));
  return value;
}

/** The page that a reader asked for. */
export interface ExpectedPage {
  /** Only for errors. */
  readonly key: string;
  readonly kind: PageKind;
  readonly owner: string;
  readonly page: number;
}

/**
 * Checks a stored value and returns its payload as a view.
 * @throws LzeroError `page_truncated`, `page_version_newer`, `page_corrupt`, or `page_unexpected` for a value that is
 *   no page or another one; details are key, offset, expected, actual
 */
export function decodePage(value: Uint8Array, expected: ExpectedPage): Uint8Array {
  const { key } = expected;
  const fail = (
    code: string,
    offset: number,
    what: string,
    wanted: string | number,
    actual: string | number,
  ) =>
    new LzeroError(code, `${key}: ${what} is ${actual}, expected ${wanted}`, {
      key,
      offset,
      expected: wanted,
      actual,
    });

  if (value.length < PAGE_HEADER_BYTES) {
    throw fail("page_truncated", value.length, "the length", `at least ${PAGE_HEADER_BYTES}`, value.length);
  }
  if (readU32(value, 0) !== MAGIC) {
    throw fail("page_unexpected", 0, "the magic", "4c5a524f", bytesToHex(value.subarray(0, 4)));
  }
  const version = value[4]!;
  if (version > FORMAT_VERSION) {
    throw fail("page_version_newer", 4, "the format version", FORMAT_VERSION, version);
  }
  if (version < OLDEST_VERSION) {
    throw pageCorrupt(key, 4, "the format version", `${OLDEST_VERSION} to ${FORMAT_VERSION}`, version);
  }
  const sizeBytes = PAGE_HEADER_BYTES + readU32(value, PAYLOAD_LENGTH_OFFSET);
  if (value.length < sizeBytes) {
    throw fail("page_truncated", value.length, "the length", sizeBytes, value.length);
  }
  if (value.length > sizeBytes) throw pageCorrupt(key, sizeBytes, "the length", sizeBytes, value.length);
  const checksum = checksumOf(value);
  if (checksum !== pageChecksum(value)) {
    throw pageCorrupt(key, CHECKSUM_OFFSET, "the checksum", pageChecksum(value), checksum);
  }
  if (value[KIND_OFFSET] !== expected.kind) {
    throw fail("page_unexpected", KIND_OFFSET, "the page kind", expected.kind, value[KIND_OFFSET]!);
  }
  if (value[6] !== 0 || value[7] !== 0) throw pageCorrupt(key, 6, "the reserved field", 0, "not zero");
  const owner = bytesToHex(value.subarray(OWNER_OFFSET, OWNER_OFFSET + 16));
  if (owner !== expected.owner)
    throw fail("page_unexpected", OWNER_OFFSET, "the owner", expected.owner, owner);
  const pageNumber = readU32(value, PAGE_NUMBER_OFFSET);
  if (pageNumber !== expected.page) {
    throw fail("page_unexpected", PAGE_NUMBER_OFFSET, "the page number", expected.page, pageNumber);
  }
  return value.subarray(PAGE_HEADER_BYTES);
}

/** The format version that a page's header states; the value is at least a header long. */
export function pageVersion(value: Uint8Array): number {
  return value[4]!;
}

/** The checksum that a page's header states; the value is at least a header long. */
export function pageChecksum(value: Uint8Array): number {
  return readU32(value, CHECKSUM_OFFSET);
}

/** A checksum as the manifest and the catalog write it: eight hex digits. */
export function checksumText(checksum: number): string {
  return checksum.toString(16).padStart(8, "0");
}

function checksumOf(value: Uint8Array): number {
  return crc32c(value.subarray(PAGE_HEADER_BYTES), crc32c(value.subarray(0, CHECKSUM_OFFSET)));
}

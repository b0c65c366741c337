/**
 * The query tables: all that turns text into a query vector, as one KV value under its own fingerprint, so that a
 * model can be switched without a new deployment. Vocabulary bytes and numbers go in and come out; tokenizing is
 * elsewhere.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { LzeroError } from "../errors.ts";
import { ByteReader, ByteWriter, littleEndianCopy } from "./bytes.ts";
import { decodePage, encodePage, PAGE_HEADER_BYTES, PAGE_KIND } from "./page.ts";

export interface QueryTables {
  readonly fingerprint: string;
  /** vocab.txt: UTF-8, one entry a line, the line's number is the token id. */
  readonly vocabulary: Uint8Array;
  /** Float32Array [vocabulary entries]; finite, at least 0. */
  readonly idf: Float32Array;
  /** One bit a token, lowest bit first: set when it enters a query only where no other token does (the IDF floor). */
  readonly optionalTokens: Uint8Array;
}

const NEWLINE = 0x0a;

/**
 * Writes tables as a page.
 * @returns the page and its fingerprint: the first 128 bits of SHA-256 of the payload, in hex
 * @throws LzeroError `query_tables_invalid`
 */
export function encodeQueryTables(tables: Omit<QueryTables, "fingerprint">): {
  fingerprint: string;
  value: Uint8Array<ArrayBuffer>;
} {
  const problem = findProblem(tables);
  if (problem !== null) throw new LzeroError("query_tables_invalid", problem);
  const { vocabulary, idf, optionalTokens } = tables;
  const writer = new ByteWriter(8 + 5 * idf.length + vocabulary.length);
  writer.u32(vocabulary.length);
  writer.u32(idf.length);
  writer.bytes(
    new Uint8Array(littleEndianCopy(new Uint8Array(idf.buffer, idf.byteOffset, idf.byteLength), 4)),
  );
  writer.bytes(optionalTokens);
  writer.bytes(vocabulary);
  const fingerprint = bytesToHex(sha256(writer.view())).slice(0, 32);
  return { fingerprint, value: encodePage(PAGE_KIND.queryTables, fingerprint, 0, writer.view()) };
}

/**
 * Reads tables. The checksum vouches for the bytes; the fingerprint is compared with the page's owner, not hashed again.
 * @throws LzeroError of `decodePage`, or `page_corrupt`
 */
export function decodeQueryTables(value: Uint8Array, fingerprint: string, key: string): QueryTables {
  const payload = decodePage(value, { key, kind: PAGE_KIND.queryTables, owner: fingerprint, page: 0 });
  const reader = new ByteReader(payload, { key, baseOffset: PAGE_HEADER_BYTES });
  const vocabularyBytes = reader.u32("the length of the vocabulary");
  const entries = reader.u32("the number of IDF entries");
  const idf = new Float32Array(littleEndianCopy(reader.bytes(4 * entries, "the IDF table"), 4));
  const optionalTokens = reader.bytes(Math.ceil(entries / 8), "the optional tokens").slice();
  const vocabulary = reader.bytes(vocabularyBytes, "the vocabulary").slice();
  reader.end("the vocabulary");
  const problem = findProblem({ vocabulary, idf, optionalTokens });
  if (problem !== null) throw reader.corrupt("the tables", "consistent", problem);
  return { fingerprint, vocabulary, idf, optionalTokens };
}

/** What is wrong with tables; null when nothing is. */
function findProblem({ vocabulary, idf, optionalTokens }: Omit<QueryTables, "fingerprint">): string | null {
  const lines = countLines(vocabulary);
  if (lines !== idf.length) return `${lines} vocabulary entries, ${idf.length} IDF entries`;
  if (idf.length === 0) return "the vocabulary is empty";
  const bitBytes = Math.ceil(idf.length / 8);
  if (optionalTokens.length !== bitBytes) {
    return `${optionalTokens.length} bytes of optional tokens, ${bitBytes} expected`;
  }
  if (idf.length % 8 !== 0 && optionalTokens[bitBytes - 1]! >> (idf.length % 8) !== 0) {
    return "an optional token lies beyond the vocabulary";
  }
  const wrong = idf.findIndex((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY));
  return wrong < 0 ? null : `the IDF of token ${wrong} is ${idf[wrong]}`;
}

/** Lines, whether or not the last one ends in a newline. */
function countLines(bytes: Uint8Array): number {
  let lines = bytes.length > 0 && bytes[bytes.length - 1] !== NEWLINE ? 1 : 0;
  for (let at = 0; at < bytes.length; at++) if (bytes[at] === NEWLINE) lines++;
  return lines;
}

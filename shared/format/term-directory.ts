/**
 * The term directory of a segment: five columns over the terms in ascending order of their ids. Columns of numbers
 * go in and come out; where lists lie in pages follows from the lengths and is computed by the segment reader.
 */
import type { ByteReader, ByteWriter } from "./bytes.ts";
import { MAX_TERM_ID } from "./limits.ts";

/** All arrays have one entry a term. */
export interface TermColumns {
  /** Strictly ascending. */
  readonly termIds: Uint32Array;
  /** Postings of the term. */
  readonly documentFrequencies: Uint32Array;
  /** Documents whose own text contains the term; they need not have a posting. */
  readonly textFrequencies: Uint32Array;
  /** Largest impact of the list; 0 without postings. */
  readonly maxImpacts: Uint8Array;
  /** Bytes of the posting list; 0 without postings. */
  readonly lengths: Uint32Array;
}

/** One byte in each column. */
export const MIN_TERM_BYTES = 5;
/** Version 1: a gap has one to four bytes, an impact one. */
const MIN_POSTING_BYTES_V1 = 2;
const MAX_POSTING_BYTES_V1 = 5;
/** Version 2: a quotient has at least one bit; a posting alone in its window has all of a run's header besides. */
const MIN_POSTING_BYTES = 1 / 8;
const MAX_POSTING_BYTES = 8 * 1024 + 16;

export function encodeTermDirectory(writer: ByteWriter, columns: TermColumns): void {
  let previous = 0;
  for (const termId of columns.termIds) {
    writer.varint(termId - previous);
    previous = termId;
  }
  for (const frequency of columns.documentFrequencies) writer.varint(frequency);
  for (const frequency of columns.textFrequencies) writer.varint(frequency);
  writer.bytes(columns.maxImpacts);
  for (const length of columns.lengths) writer.varint(length);
}

/**
 * Decodes the columns.
 * @param count terms; checked against the bytes left before anything is allocated
 * @param documents of the segment: no frequency is higher
 * @throws LzeroError `page_corrupt`
 */
export function decodeTermDirectory(
  reader: ByteReader,
  count: number,
  documents: number,
  formatVersion: number,
): TermColumns {
  const minPostingBytes = formatVersion === 1 ? MIN_POSTING_BYTES_V1 : MIN_POSTING_BYTES;
  const maxPostingBytes = formatVersion === 1 ? MAX_POSTING_BYTES_V1 : MAX_POSTING_BYTES;
  reader.need(count * MIN_TERM_BYTES, "the term directory");
  const termIds = new Uint32Array(count);
  const documentFrequencies = new Uint32Array(count);
  const textFrequencies = new Uint32Array(count);
  const lengths = new Uint32Array(count);

  let termId = 0;
  for (let index = 0; index < count; index++) {
    const gap = reader.varint(MAX_TERM_ID, "a gap of term ids");
    if (gap === 0 && index > 0) throw reader.corrupt("a gap of term ids", "at least 1", 0);
    termId += gap;
    if (termId > MAX_TERM_ID) throw reader.corrupt("a term id", `at most ${MAX_TERM_ID}`, termId);
    termIds[index] = termId;
  }
  for (let index = 0; index < count; index++) {
    documentFrequencies[index] = reader.varint(documents, "a document frequency");
  }
  for (let index = 0; index < count; index++) {
    const frequency = reader.varint(documents, "a text frequency");
    if (frequency === 0 && documentFrequencies[index] === 0) {
      throw reader.corrupt("the frequencies of a term", "at least 1", 0);
    }
    textFrequencies[index] = frequency;
  }
  const maxImpacts = reader.bytes(count, "the maximal impacts").slice();
  for (let index = 0; index < count; index++) {
    const frequency = documentFrequencies[index]!;
    if ((maxImpacts[index] === 0) !== (frequency === 0)) {
      throw reader.corrupt("a maximal impact", frequency === 0 ? 0 : "1 to 255", maxImpacts[index]!);
    }
    const length = reader.varint(frequency * maxPostingBytes, "the length of a posting list");
    if (length < frequency * minPostingBytes) {
      throw reader.corrupt("the length of a posting list", `at least ${frequency * minPostingBytes}`, length);
    }
    lengths[index] = length;
  }
  return { termIds, documentFrequencies, textFrequencies, maxImpacts, lengths };
}

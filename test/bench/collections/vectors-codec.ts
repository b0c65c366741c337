/**
 * Sparse vectors of many documents as bytes: a chunk of an encoding run. In: term ids and weights, row by row. Out: one
 * block, and back. Little-endian, as every machine that runs this is; the sections are aligned to their elements.
 */

/** Rows of different lengths, one after the other: row i is indptr[i] … indptr[i + 1]. */
export interface Rows {
  /** [rows + 1] */
  readonly indptr: Uint32Array;
  /** Ascending within a row. */
  readonly terms: Uint16Array;
}

export interface EncodedRows {
  readonly vectors: Rows;
  /** As long as the vectors' terms; > 0. */
  readonly weights: Float32Array;
  /** The distinct tokens of each document's own text. */
  readonly own: Rows;
}

const MAGIC = 0x4c5a4348;
const HEADER_BYTES = 16;

export interface VectorRow {
  readonly termIds: Uint32Array;
  readonly weights: Float32Array;
  readonly ownTermIds: Uint32Array;
}

export function toRows(documents: readonly VectorRow[]): EncodedRows {
  const vectors = rowsOf(documents.map(({ termIds }) => termIds));
  const weights = new Float32Array(vectors.terms.length);
  documents.forEach((document, row) => {
    weights.set(document.weights, vectors.indptr[row]!);
  });
  return { vectors, weights, own: rowsOf(documents.map(({ ownTermIds }) => ownTermIds)) };
}

function rowsOf(lists: readonly Uint32Array[]): Rows {
  const indptr = new Uint32Array(lists.length + 1);
  lists.forEach((list, row) => {
    indptr[row + 1] = indptr[row]! + list.length;
  });
  const terms = new Uint16Array(indptr[lists.length]!);
  lists.forEach((list, row) => {
    terms.set(list, indptr[row]!);
  });
  return { indptr, terms };
}

export function encodeRows({ vectors, weights, own }: EncodedRows): Uint8Array {
  const rows = vectors.indptr.length - 1;
  const header = Uint32Array.of(MAGIC, rows, vectors.terms.length, own.terms.length);
  const sections = [header, vectors.indptr, own.indptr, weights, vectors.terms, own.terms];
  const bytes = new Uint8Array(sections.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of sections) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return bytes;
}

/** @throws Error when the bytes are no whole block */
export function decodeRows(block: Uint8Array): EncodedRows {
  // Copied, so that the sections are aligned wherever the block lay.
  const { buffer } = Uint8Array.from(block);
  if (buffer.byteLength < HEADER_BYTES) throw new Error("a chunk is cut off in its header");
  const [magic, rows, postings, ownTerms] = new Uint32Array(buffer, 0, 4) as unknown as number[];
  if (magic !== MAGIC) throw new Error("not a chunk of vectors");
  const expected = HEADER_BYTES + 8 * (rows! + 1) + 6 * postings! + 2 * ownTerms!;
  if (buffer.byteLength !== expected) {
    throw new Error(`a chunk of ${rows} documents has ${buffer.byteLength} bytes, not ${expected}`);
  }
  let at = HEADER_BYTES;
  const next = (sizeBytes: number) => {
    at += sizeBytes;
    return at - sizeBytes;
  };
  const indptr = new Uint32Array(buffer, next(4 * (rows! + 1)), rows! + 1);
  const ownIndptr = new Uint32Array(buffer, next(4 * (rows! + 1)), rows! + 1);
  const weights = new Float32Array(buffer, next(4 * postings!), postings!);
  const terms = new Uint16Array(buffer, next(2 * postings!), postings!);
  const own = new Uint16Array(buffer, next(2 * ownTerms!), ownTerms!);
  return { vectors: { indptr, terms }, weights, own: { indptr: ownIndptr, terms: own } };
}

/** Rows of several blocks, one after the other. */
export function joinRows(parts: readonly Rows[]): Rows {
  const rows = parts.reduce((sum, { indptr }) => sum + indptr.length - 1, 0);
  const size = parts.reduce((sum, { terms }) => sum + terms.length, 0);
  const indptr = new Uint32Array(rows + 1);
  const terms = new Uint16Array(size);
  let row = 0;
  for (const part of parts) {
    const before = indptr[row]!;
    terms.set(part.terms, before);
    for (let at = 1; at < part.indptr.length; at++) indptr[++row] = before + part.indptr[at]!;
  }
  return { indptr, terms };
}

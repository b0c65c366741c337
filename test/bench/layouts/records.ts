/** The records of a collection's documents, as a segment stores them, and the pages that they fill. */
import { ByteWriter } from "../../../shared/format/bytes.ts";
import { documentBodyBytes, encodeDocumentRecord } from "../../../shared/format/document-page.ts";
import { PAGE_HEADER_BYTES } from "../../../shared/format/page.ts";
import { type BenchCollection, readDocuments } from "../collections/read-collection.ts";

export interface Records {
  readonly bytes: Uint8Array;
  /** Float64Array [documents + 1]: where each begins and, last, where all end. */
  readonly ends: Float64Array;
}

export function encodeRecords({ meta, folder, own }: BenchCollection): Records {
  const documents = own.indptr.length - 1;
  const writer = new ByteWriter(documents * 256);
  const ends = new Float64Array(documents + 1);
  const none = { termIds: new Uint32Array(0), impacts: new Uint8Array(0) };
  readDocuments(folder.includes("/") ? folder : meta.name, documents).forEach(({ id, text }, document) => {
    const ownTermIds = Uint32Array.from(own.terms.subarray(own.indptr[document], own.indptr[document + 1]));
    const fields = { title: null, text, url: null, metadata: null };
    encodeDocumentRecord(writer, { ...none, id, version: document + 1, fields, ownTermIds });
    ends[document + 1] = writer.length;
  });
  return { bytes: writer.view(), ends };
}

/** Records in another order. */
export function reorderRecords({ bytes, ends }: Records, order: Uint32Array): Records {
  const moved = new Uint8Array(bytes.length);
  const movedEnds = new Float64Array(ends.length);
  let at = 0;
  for (let place = 0; place < order.length; place++) {
    const document = order[place]!;
    moved.set(bytes.subarray(ends[document]!, ends[document + 1]!), at);
    at += ends[document + 1]! - ends[document]!;
    movedEnds[place + 1] = at;
  }
  return { bytes: moved, ends: movedEnds };
}

export interface DocumentPages {
  /** Page of each ordinal, from 0. */
  readonly pageOf: Uint32Array;
  /** Size of each value. */
  readonly sizes: readonly number[];
}

/**
 * Pages as the segment assembly cuts them.
 * @param shrink what a record's bytes are multiplied with, to see what compression would do
 */
export function pageDocuments(ends: Float64Array, pageBytes: number, shrink = 1): DocumentPages {
  const documents = ends.length - 1;
  const pageOf = new Uint32Array(documents);
  const sizes: number[] = [];
  const sizeOf = (first: number, end: number) =>
    documentBodyBytes(end - first, Math.round((ends[end]! - ends[first]!) * shrink));
  let first = 0;
  for (let ordinal = 0; ordinal < documents; ordinal++) {
    if (ordinal > first && sizeOf(first, ordinal + 1) > pageBytes) {
      sizes.push(PAGE_HEADER_BYTES + sizeOf(first, ordinal));
      first = ordinal;
    }
    pageOf[ordinal] = sizes.length;
  }
  if (documents > 0) sizes.push(PAGE_HEADER_BYTES + sizeOf(first, documents));
  return { pageOf, sizes };
}

/** The distinct pages of some ordinals. */
export function pageNumbersUnder(ordinals: Iterable<number>, { pageOf }: DocumentPages): number[] {
  return [...new Set(Array.from(ordinals, (ordinal) => pageOf[ordinal]!))];
}

/** Their sizes. */
export function pagesUnder(ordinals: Iterable<number>, pages: DocumentPages): number[] {
  return pageNumbersUnder(ordinals, pages).map((page) => pages.sizes[page]!);
}

/**
 * The payload of a segment's page 0: counts, page directory, term directory and, in a segment of one page, the
 * posting lists and documents themselves. This module knows the bytes; `segment-writer.ts` decides what goes where
 * and `segment-reader.ts` gives the decoded root its methods.
 */
import { ByteReader, type ByteWriter } from "./bytes.ts";
import { documentBodyBytes, MIN_DOCUMENT_BYTES } from "./document-page.ts";
import { MAX_SEGMENT_DOCUMENTS } from "./limits.ts";
import { MAX_PAGE_BYTES, PAGE_HEADER_BYTES, PAGE_KIND } from "./page.ts";
import { decodeTermDirectory, type TermColumns } from "./term-directory.ts";

/** Ten u32. */
export const ROOT_FIELDS_BYTES = 40;
/** Size, checksum, first; version 1 has the kind before them. */
const PAGE_ENTRY_BYTES = 12;
const PAGE_ENTRY_BYTES_V1 = 16;

/** A page of a segment besides the root. */
export interface SegmentPageEntry {
  readonly kind: typeof PAGE_KIND.postings | typeof PAGE_KIND.documents;
  /** Of the whole value. */
  readonly sizeBytes: number;
  /** As in the page's header. */
  readonly checksum: number;
  /** Postings: index in the term directory of the (first) list. Documents: first ordinal. */
  readonly first: number;
}

/** Everything that the root page says. */
export interface SegmentRootParts {
  readonly documents: number;
  /** A longer list has pages of its own. */
  readonly largeListBytes: number;
  /** The first so many pages hold parts of large lists; posting pages after them hold small ones, packed. */
  readonly largePages: number;
  /** Sum of the document frequencies. */
  readonly postings: number;
  /** Pages 1, 2, …: postings before documents. Empty in a segment of one page. */
  readonly pages: readonly SegmentPageEntry[];
  readonly columns: TermColumns;
  /** Posting lists of a segment of one page, else empty. */
  readonly inlinePostings: Uint8Array;
  /** Documents of a segment of one page, else empty. */
  readonly inlineDocuments: Uint8Array;
}

/** Writes a root; `directory` is its term directory, which the layout needed the size of before. */
export function encodeRootPayload(writer: ByteWriter, parts: SegmentRootParts, directory: Uint8Array): void {
  writer.u32(parts.documents);
  writer.u32(parts.postings);
  writer.u32(parts.pages.length + 1);
  writer.u32(parts.largePages);
  writer.u32(parts.pages.filter(({ kind }) => kind === PAGE_KIND.postings).length);
  writer.u32(parts.largeListBytes);
  writer.u32(parts.columns.termIds.length);
  writer.u32(directory.length);
  writer.u32(parts.inlinePostings.length);
  writer.u32(parts.inlineDocuments.length);
  for (const page of parts.pages) {
    writer.u32(page.sizeBytes);
    writer.u32(page.checksum);
    writer.u32(page.first);
  }
  writer.bytes(directory);
  writer.bytes(parts.inlinePostings);
  writer.bytes(parts.inlineDocuments);
}

/**
 * Decodes a root payload and checks all that can be checked without the other pages.
 * @param formatVersion of the page
 * @returns parts, whose inline views have `inlinePostingsAt` and `inlineDocumentsAt` as offsets in the payload
 * @throws LzeroError `page_corrupt`
 */
export function decodeRootPayload(
  payload: Uint8Array,
  formatVersion: number,
  key: string,
): SegmentRootParts & { readonly inlinePostingsAt: number; readonly inlineDocumentsAt: number } {
  const reader = new ByteReader(payload, { key, baseOffset: PAGE_HEADER_BYTES });
  const documents = reader.u32("the number of documents");
  if (documents > MAX_SEGMENT_DOCUMENTS) {
    throw reader.corrupt("the number of documents", `at most ${MAX_SEGMENT_DOCUMENTS}`, documents);
  }
  const postings = reader.u32("the number of postings");
  const pageCount = reader.u32("the number of pages");
  const largePages = formatVersion === 1 ? 0 : reader.u32("the number of pages of large lists");
  const postingPages = reader.u32("the number of posting pages");
  if (pageCount === 0 || postingPages >= pageCount || largePages > postingPages) {
    throw reader.corrupt(
      "the number of posting pages",
      `${largePages} or more of less than ${pageCount} pages`,
      postingPages,
    );
  }
  const largeListBytes = formatVersion === 1 ? 0xffff_ffff : reader.u32("the size of large lists");
  const terms = reader.u32("the number of terms");
  const directoryBytes = reader.u32("the length of the term directory");
  const inlinePostingsBytes = reader.u32("the length of inline postings");
  const inlineDocumentsBytes = reader.u32("the length of inline documents");
  if (formatVersion === 1 && reader.u32("the reserved field") !== 0) {
    throw reader.corrupt("the reserved field", 0, "not zero");
  }
  if (pageCount > 1 && inlinePostingsBytes + inlineDocumentsBytes > 0) {
    throw reader.corrupt(
      "inline bytes in a segment of several pages",
      0,
      inlinePostingsBytes + inlineDocumentsBytes,
    );
  }
  const sectionBytes =
    (pageCount - 1) * (formatVersion === 1 ? PAGE_ENTRY_BYTES_V1 : PAGE_ENTRY_BYTES) +
    directoryBytes +
    inlinePostingsBytes +
    inlineDocumentsBytes;
  if (sectionBytes !== reader.remaining) {
    throw reader.corrupt("the length of all sections", reader.remaining, sectionBytes);
  }
  const pages =
    formatVersion === 1
      ? decodePageDirectoryV1(reader, pageCount - 1, postingPages)
      : decodePageDirectory(reader, pageCount - 1, largePages, postingPages);
  checkDocumentRoom(reader, pages, documents, pageCount === 1 ? inlineDocumentsBytes : null);

  const directoryAt = reader.offset;
  const directoryReader = new ByteReader(
    payload,
    { key, baseOffset: PAGE_HEADER_BYTES },
    directoryAt,
    directoryAt + directoryBytes,
  );
  const columns = decodeTermDirectory(directoryReader, terms, documents, formatVersion);
  directoryReader.end("the term directory");
  const sum = columns.documentFrequencies.reduce((total, frequency) => total + frequency, 0);
  if (sum !== postings) throw directoryReader.corrupt("the number of postings", postings, sum);

  const inlinePostingsAt = directoryAt + directoryBytes;
  const inlineDocumentsAt = inlinePostingsAt + inlinePostingsBytes;
  return {
    documents,
    largeListBytes,
    largePages,
    postings,
    pages,
    columns,
    inlinePostings: payload.subarray(inlinePostingsAt, inlineDocumentsAt),
    inlineDocuments: payload.subarray(inlineDocumentsAt),
    inlinePostingsAt,
    inlineDocumentsAt,
  };
}

/** Firsts: of large lists equal for the parts of one, of packed pages ascending, of document pages from 0 on. */
function decodePageDirectory(
  reader: ByteReader,
  count: number,
  largePages: number,
  postingPages: number,
): SegmentPageEntry[] {
  reader.need(count * PAGE_ENTRY_BYTES, "the page directory");
  const pages: SegmentPageEntry[] = [];
  for (let index = 0; index < count; index++) {
    const kind = index < postingPages ? PAGE_KIND.postings : PAGE_KIND.documents;
    const { sizeBytes, checksum, first } = readPageEntry(reader);
    const isFirstOfKind = index === 0 || index === largePages || index === postingPages;
    const least = isFirstOfKind ? 0 : pages[index - 1]!.first + (index < largePages ? 0 : 1);
    if (first < least || (index === postingPages && first > 0)) {
      throw reader.corrupt("the first of a page", index === postingPages ? 0 : `at least ${least}`, first);
    }
    pages.push({ kind, sizeBytes, checksum, first });
  }
  return pages;
}

function readPageEntry(reader: ByteReader): Omit<SegmentPageEntry, "kind"> {
  const sizeBytes = reader.u32("a page size");
  if (sizeBytes <= PAGE_HEADER_BYTES || sizeBytes > MAX_PAGE_BYTES) {
    throw reader.corrupt("a page size", `${PAGE_HEADER_BYTES + 1} to ${MAX_PAGE_BYTES}`, sizeBytes);
  }
  return { sizeBytes, checksum: reader.u32("a page checksum"), first: reader.u32("the first of a page") };
}

function decodePageDirectoryV1(reader: ByteReader, count: number, postingPages: number): SegmentPageEntry[] {
  reader.need(count * PAGE_ENTRY_BYTES_V1, "the page directory");
  const pages: SegmentPageEntry[] = [];
  for (let index = 0; index < count; index++) {
    const kind = index < postingPages ? PAGE_KIND.postings : PAGE_KIND.documents;
    const actualKind = reader.u32("a page kind");
    if (actualKind !== kind) throw reader.corrupt("a page kind", kind, actualKind);
    const { sizeBytes, checksum, first } = readPageEntry(reader);
    const previous = index === 0 || index === postingPages ? null : pages[index - 1]!.first;
    if (previous === null ? first !== 0 : first <= previous) {
      throw reader.corrupt("the first of a page", previous === null ? 0 : `more than ${previous}`, first);
    }
    pages.push({ kind, sizeBytes, checksum, first });
  }
  return pages;
}

/** Refuses a number of documents that the document bytes cannot hold, before anything is allocated by it. */
function checkDocumentRoom(
  reader: ByteReader,
  pages: readonly SegmentPageEntry[],
  documents: number,
  inlineBytes: number | null,
): void {
  const check = (count: number, bytes: number) => {
    if (count <= 0 || documentBodyBytes(0, 0) + count * MIN_DOCUMENT_BYTES > bytes) {
      throw reader.corrupt("the number of documents", `1 or more that fit ${bytes} bytes`, count);
    }
  };
  if (inlineBytes !== null) {
    if (documents > 0 || inlineBytes > 0) check(documents, inlineBytes);
    return;
  }
  const documentPages = pages.filter(({ kind }) => kind === PAGE_KIND.documents);
  documentPages.forEach((page, index) => {
    const next = documentPages[index + 1]?.first ?? documents;
    check(next - page.first, page.sizeBytes - PAGE_HEADER_BYTES);
  });
}

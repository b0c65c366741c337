/**
 * The last step of writing a segment, shared by the writer and the merger: encoded posting lists and records go in,
 * pages come out. It decides which list and which document lies in which page, and nothing else.
 */
import { LzeroError } from "../errors.ts";
import { ByteWriter } from "./bytes.ts";
import { documentBodyBytes, encodeDocumentBody } from "./document-page.ts";
import {
  DOCUMENT_PAGE_BYTES,
  INLINE_SEGMENT_BYTES,
  LARGE_LIST_BYTES,
  LIST_PART_BYTES,
  POSTING_PAGE_BYTES,
} from "./limits.ts";
import { checksumText, encodePage, PAGE_HEADER_BYTES, PAGE_KIND, pageChecksum } from "./page.ts";
import { RUN_SLACK_BYTES } from "./posting-run.ts";
import { encodeRootPayload, ROOT_FIELDS_BYTES, type SegmentPageEntry } from "./segment-root.ts";
import { encodeTermDirectory, type TermColumns } from "./term-directory.ts";

/** Page sizes; the defaults are right but for tests of the layout. */
export interface SegmentOptions {
  /** Up to this size the segment is one page; default INLINE_SEGMENT_BYTES. */
  readonly inlineBytes?: number;
  /** Default LARGE_LIST_BYTES. */
  readonly largeListBytes?: number;
  /** Default LIST_PART_BYTES. */
  readonly listPartBytes?: number;
  /** Default POSTING_PAGE_BYTES. */
  readonly postingPageBytes?: number;
  /** Default DOCUMENT_PAGE_BYTES. */
  readonly documentPageBytes?: number;
}

/** A segment ready to be stored. */
export interface EncodedSegment {
  readonly segmentId: string;
  /** KV values; the index is the page number. */
  readonly pages: Uint8Array[];
  readonly documents: number;
  readonly postings: number;
  /** All pages, headers included. */
  readonly sizeBytes: number;
  /** CRC-32C of the root page, eight hex digits; it covers every page, since the root names their checksums. */
  readonly checksum: string;
}

/** The content of a segment, encoded but not yet laid out. */
export interface SegmentContent {
  readonly documents: number;
  readonly columns: TermColumns;
  /** Posting lists in the order of the columns, one after another. */
  readonly lists: Uint8Array;
  /** Offsets in a list at which it may be split, by its place in the columns; lists without such have no entry. */
  readonly cuts: ReadonlyMap<number, readonly number[]>;
  /** Records in ordinal order, one after another. */
  readonly records: Uint8Array;
  /** Float64Array [documents + 1]: where each record begins and, last, where all end. */
  readonly recordEnds: Float64Array;
}

/**
 * Lays out a segment.
 * @throws LzeroError `page_too_large` when one list or record does not fit a KV value; `segment_too_large`
 */
export function assembleSegment(
  segmentId: string,
  content: SegmentContent,
  options: SegmentOptions = {},
): EncodedSegment {
  const postings = content.columns.documentFrequencies.reduce((sum, frequency) => sum + frequency, 0);
  if (postings > 0xffff_ffff) {
    throw new LzeroError("segment_too_large", `a segment of ${postings} postings must be split`, {
      expected: 0xffff_ffff,
      actual: postings,
    });
  }
  const directory = new ByteWriter(content.columns.termIds.length * 8);
  encodeTermDirectory(directory, content.columns);
  const largeListBytes = options.largeListBytes ?? LARGE_LIST_BYTES;
  const parts = { documents: content.documents, postings, columns: content.columns, largeListBytes };
  const inlinePostings = content.lists.length === 0 ? content.lists : withSlack([content.lists]);
  const inlineDocuments =
    content.documents === 0 ? 0 : documentBodyBytes(content.documents, content.records.length);
  const inlineBytes =
    PAGE_HEADER_BYTES + ROOT_FIELDS_BYTES + directory.length + inlinePostings.length + inlineDocuments;

  const entries: SegmentPageEntry[] = [];
  const pages: Uint8Array[] = [];
  const root = new ByteWriter(Math.min(inlineBytes, INLINE_SEGMENT_BYTES));
  if (inlineBytes <= (options.inlineBytes ?? INLINE_SEGMENT_BYTES)) {
    const body = new ByteWriter(inlineDocuments);
    if (content.documents > 0) {
      encodeDocumentBody(body, content.records, content.recordEnds, 0, content.documents);
    }
    encodeRootPayload(
      root,
      { ...parts, pages: entries, largePages: 0, inlinePostings, inlineDocuments: body.view() },
      directory.view(),
    );
  } else {
    const add = (kind: SegmentPageEntry["kind"], payload: Uint8Array, first: number) => {
      const value = encodePage(kind, segmentId, pages.length + 1, payload);
      pages.push(value);
      entries.push({ kind, sizeBytes: value.length, checksum: pageChecksum(value), first });
    };
    const addPostings = (payload: Uint8Array, first: number) => add(PAGE_KIND.postings, payload, first);
    cutLargeLists(content, largeListBytes, options.listPartBytes ?? LIST_PART_BYTES, addPostings);
    const largePages = pages.length;
    packSmallLists(content, largeListBytes, options.postingPageBytes ?? POSTING_PAGE_BYTES, addPostings);
    cutDocuments(content, options.documentPageBytes ?? DOCUMENT_PAGE_BYTES, (payload, first) =>
      add(PAGE_KIND.documents, payload, first),
    );
    const none = new Uint8Array(0);
    encodeRootPayload(
      root,
      { ...parts, pages: entries, largePages, inlinePostings: none, inlineDocuments: none },
      directory.view(),
    );
  }
  const rootPage = encodePage(PAGE_KIND.segmentRoot, segmentId, 0, root.view());
  pages.unshift(rootPage);
  return {
    segmentId,
    pages,
    documents: content.documents,
    postings,
    sizeBytes: pages.reduce((sum, page) => sum + page.length, 0),
    checksum: checksumText(pageChecksum(rootPage)),
  };
}

type EmitPage = (payload: Uint8Array, first: number) => void;

/** Gives each large list pages of its own; a page's `first` is the index of its term. */
function cutLargeLists(
  { lists, columns, cuts }: SegmentContent,
  largeListBytes: number,
  partBytes: number,
  emit: EmitPage,
): void {
  let start = 0;
  columns.lengths.forEach((length, index) => {
    const end = start + length;
    if (length > largeListBytes) {
      let from = start;
      let to = start;
      for (const cut of [...(cuts.get(index) ?? []), length]) {
        if (to > from && start + cut - from > partBytes) {
          emit(withSlack([lists.subarray(from, to)]), index);
          from = to;
        }
        to = start + cut;
      }
      emit(withSlack([lists.subarray(from, end)]), index);
    }
    start = end;
  });
}

/** Packs the other lists in the order of their terms; a page's `first` is the index of its first list's term. */
function packSmallLists(
  { lists, columns }: SegmentContent,
  largeListBytes: number,
  targetBytes: number,
  emit: EmitPage,
): void {
  let packed: Uint8Array[] = [];
  let packedBytes = 0;
  let first = 0;
  let start = 0;
  columns.lengths.forEach((length, index) => {
    const list = lists.subarray(start, start + length);
    start += length;
    if (length === 0 || length > largeListBytes) return;
    if (packedBytes > 0 && packedBytes + length > targetBytes) {
      emit(withSlack(packed), first);
      packed = [];
      packedBytes = 0;
    }
    if (packedBytes === 0) first = index;
    packed.push(list);
    packedBytes += length;
  });
  if (packedBytes > 0) emit(withSlack(packed), first);
}

function withSlack(lists: readonly Uint8Array[]): Uint8Array {
  const payload = new Uint8Array(lists.reduce((sum, list) => sum + list.length, RUN_SLACK_BYTES));
  let at = 0;
  for (const list of lists) {
    payload.set(list, at);
    at += list.length;
  }
  return payload;
}

function cutDocuments(
  { documents, records, recordEnds }: SegmentContent,
  targetBytes: number,
  emit: EmitPage,
): void {
  let first = 0;
  const cut = (end: number) => {
    const body = new ByteWriter(documentBodyBytes(end - first, recordEnds[end]! - recordEnds[first]!));
    encodeDocumentBody(body, records, recordEnds, first, end - first);
    emit(body.view(), first);
    first = end;
  };
  for (let ordinal = 1; ordinal < documents; ordinal++) {
    const bytes = documentBodyBytes(ordinal + 1 - first, recordEnds[ordinal + 1]! - recordEnds[first]!);
    if (bytes > targetBytes) cut(ordinal);
  }
  if (documents > 0) cut(documents);
}

/**
 * The last step of writing a segment, shared by the writer and the merger: encoded posting lists and records go in,
 * pages come out, one after another. It decides which list and which document lies in which page, and nothing else.
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
import { type ByteSource, sourceOf } from "./spool.ts";
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

/** What is known of a segment whose pages have been written. */
export interface SegmentSummary {
  readonly segmentId: string;
  readonly documents: number;
  readonly postings: number;
  /** All pages, headers included. */
  readonly sizeBytes: number;
  /** CRC-32C of the root page, eight hex digits; it covers every page, since the root names their checksums. */
  readonly checksum: string;
}

/** A segment ready to be stored. */
export interface EncodedSegment extends SegmentSummary {
  /** KV values; the index is the page number. */
  readonly pages: Uint8Array[];
}

/** The content of a segment, encoded but not yet laid out. */
export interface SegmentParts {
  readonly documents: number;
  readonly columns: TermColumns;
  /** Posting lists in the order of the columns, one after another. */
  readonly lists: ByteSource;
  /** Offsets in a list at which it may be split, by its place in the columns; lists without such have no entry. */
  readonly cuts: ReadonlyMap<number, readonly number[]>;
  /** A record a document, in ordinal order; none changes afterwards. */
  readonly records: Iterable<Uint8Array>;
}

/** The same in memory. */
export interface SegmentContent extends Omit<SegmentParts, "lists" | "records"> {
  readonly lists: Uint8Array;
  /** Records one after another. */
  readonly records: Uint8Array;
  /** Float64Array [documents + 1]: where each record begins and, last, where all end. */
  readonly recordEnds: Float64Array;
}

/** Takes a page: its number and its KV value. */
export type EmitPage = (page: number, value: Uint8Array) => void;

/** Lays out a segment in memory. @throws LzeroError as `writePages` */
export function assembleSegment(
  segmentId: string,
  content: SegmentContent,
  options: SegmentOptions = {},
): EncodedSegment {
  const parts = { ...content, lists: sourceOf(content.lists), records: cutRecords(content) };
  return collectPages((emit) => writePages(segmentId, parts, options, emit));
}

/** Keeps the pages that `write` emits. */
export function collectPages(write: (emit: EmitPage) => SegmentSummary): EncodedSegment {
  const pages: Uint8Array[] = [];
  const summary = write((page, value) => {
    pages[page] = value;
  });
  return { ...summary, pages };
}

function* cutRecords({ documents, records, recordEnds }: SegmentContent): Generator<Uint8Array> {
  for (let at = 0; at < documents; at++) yield records.subarray(recordEnds[at]!, recordEnds[at + 1]!);
}

/**
 * Lays out a segment: pages 1, 2, … are emitted as they get full, and last the root, page 0.
 * @throws LzeroError `page_too_large` when one list or record does not fit a KV value; `segment_too_large`; and what
 *   reading the content or `emit` throws
 */
export function writePages(
  segmentId: string,
  content: SegmentParts,
  options: SegmentOptions,
  emit: EmitPage,
): SegmentSummary {
  const { documents, columns, lists } = content;
  const postings = columns.documentFrequencies.reduce((sum, frequency) => sum + frequency, 0);
  if (postings > 0xffff_ffff) {
    throw new LzeroError("segment_too_large", `a segment of ${postings} postings must be split`, {
      expected: 0xffff_ffff,
      actual: postings,
    });
  }
  const directory = new ByteWriter(columns.termIds.length * 8);
  encodeTermDirectory(directory, columns);
  const largeListBytes = options.largeListBytes ?? LARGE_LIST_BYTES;
  const listBytes = lists.length === 0 ? 0 : lists.length + RUN_SLACK_BYTES;
  const roomForRecords =
    (options.inlineBytes ?? INLINE_SEGMENT_BYTES) -
    (PAGE_HEADER_BYTES + ROOT_FIELDS_BYTES + directory.length + listBytes);

  const entries: SegmentPageEntry[] = [];
  let sizeBytes = 0;
  const add = (kind: SegmentPageEntry["kind"], payload: Uint8Array, first: number) => {
    const value = encodePage(kind, segmentId, entries.length + 1, payload);
    entries.push({ kind, sizeBytes: value.length, checksum: pageChecksum(value), first });
    sizeBytes += value.length;
    emit(entries.length, value);
  };

  // Whether all fits one page shows after a page's worth of records: so many are held back.
  const records = content.records[Symbol.iterator]();
  const held = new DocumentRun(0);
  let isInline = (documents === 0 ? 0 : documentBodyBytes(documents, 0)) <= roomForRecords;
  let next = records.next();
  while (isInline && next.done !== true) {
    isInline = documentBodyBytes(documents, held.recordBytes + next.value.length) <= roomForRecords;
    if (!isInline) break;
    held.add(next.value);
    next = records.next();
  }

  let largePages = 0;
  if (!isInline) {
    const addPostings: AddPayload = (payload, first) => add(PAGE_KIND.postings, payload, first);
    cutLargeLists(content, largeListBytes, options.listPartBytes ?? LIST_PART_BYTES, addPostings);
    largePages = entries.length;
    packSmallLists(content, largeListBytes, options.postingPageBytes ?? POSTING_PAGE_BYTES, addPostings);
    const pages = new DocumentPages(options.documentPageBytes ?? DOCUMENT_PAGE_BYTES, (payload, first) =>
      add(PAGE_KIND.documents, payload, first),
    );
    for (const record of held.records) pages.add(record);
    for (; next.done !== true; next = records.next()) pages.add(next.value);
    pages.end();
  }
  const none = new Uint8Array(0);
  const root = new ByteWriter(ROOT_FIELDS_BYTES + 12 * entries.length + directory.length);
  encodeRootPayload(
    root,
    {
      documents,
      postings,
      columns,
      largeListBytes,
      pages: entries,
      largePages,
      inlinePostings: isInline && lists.length > 0 ? withSlack([lists.read(0, lists.length)]) : none,
      inlineDocuments: isInline && documents > 0 ? held.encode() : none,
    },
    directory.view(),
  );
  const rootPage = encodePage(PAGE_KIND.segmentRoot, segmentId, 0, root.view());
  emit(0, rootPage);
  return {
    segmentId,
    documents,
    postings,
    sizeBytes: sizeBytes + rootPage.length,
    checksum: checksumText(pageChecksum(rootPage)),
  };
}

/** Takes the payload of a page and what its directory entry says of it. */
type AddPayload = (payload: Uint8Array, first: number) => void;

/** Gives each large list pages of its own; a page's `first` is the index of its term. */
function cutLargeLists(
  { lists, columns, cuts }: SegmentParts,
  largeListBytes: number,
  partBytes: number,
  add: AddPayload,
): void {
  let start = 0;
  columns.lengths.forEach((length, index) => {
    const end = start + length;
    if (length > largeListBytes) {
      let from = start;
      let to = start;
      for (const cut of [...(cuts.get(index) ?? []), length]) {
        if (to > from && start + cut - from > partBytes) {
          add(withSlack([lists.read(from, to)]), index);
          from = to;
        }
        to = start + cut;
      }
      add(withSlack([lists.read(from, end)]), index);
    }
    start = end;
  });
}

/** Packs the other lists in the order of their terms; a page's `first` is the index of its first list's term. */
function packSmallLists(
  { lists, columns }: SegmentParts,
  largeListBytes: number,
  targetBytes: number,
  add: AddPayload,
): void {
  // Lists of a page, those that lie beside one another as one range.
  let ranges: { start: number; end: number }[] = [];
  let packedBytes = 0;
  let first = 0;
  let start = 0;
  const close = () => {
    add(withSlack(ranges.map((range) => lists.read(range.start, range.end))), first);
    ranges = [];
    packedBytes = 0;
  };
  columns.lengths.forEach((length, index) => {
    const listAt = start;
    start += length;
    if (length === 0 || length > largeListBytes) return;
    if (packedBytes > 0 && packedBytes + length > targetBytes) close();
    if (packedBytes === 0) first = index;
    const last = ranges.at(-1);
    if (last?.end === listAt) last.end = start;
    else ranges.push({ start: listAt, end: start });
    packedBytes += length;
  });
  if (packedBytes > 0) close();
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

/** Cuts documents into pages. */
class DocumentPages {
  readonly #targetBytes: number;
  readonly #add: AddPayload;
  #run = new DocumentRun(0);

  constructor(targetBytes: number, add: AddPayload) {
    this.#targetBytes = targetBytes;
    this.#add = add;
  }

  add(record: Uint8Array): void {
    const { records, recordBytes } = this.#run;
    const count = records.length;
    if (count > 0 && documentBodyBytes(count + 1, recordBytes + record.length) > this.#targetBytes) {
      this.end();
    }
    this.#run.add(record);
  }

  end(): void {
    const { first, records } = this.#run;
    if (records.length === 0) return;
    this.#add(this.#run.encode(), first);
    this.#run = new DocumentRun(first + records.length);
  }
}

/** Documents of one page. */
class DocumentRun {
  readonly first: number;
  readonly records: Uint8Array[] = [];
  recordBytes = 0;

  constructor(first: number) {
    this.first = first;
  }

  add(record: Uint8Array): void {
    this.records.push(record);
    this.recordBytes += record.length;
  }

  encode(): Uint8Array {
    const body = new ByteWriter(documentBodyBytes(this.records.length, this.recordBytes));
    encodeDocumentBody(body, this.records, this.first);
    return body.view();
  }
}

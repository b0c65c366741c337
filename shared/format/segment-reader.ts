/**
 * Reads a segment: the root page once, then postings and documents of the pages that the root names. Values come in,
 * typed arrays and documents go out; fetching and caching are for the caller.
 */
import { LzeroError } from "../errors.ts";
import { type DocumentPlace, decodeDocument, decodeOwnTermIds } from "./document-page.ts";
import { pageCorrupt } from "./errors.ts";
import { checksumText, decodePage, PAGE_HEADER_BYTES, PAGE_KIND, pageChecksum, pageVersion } from "./page.ts";
import { decodePostings, type PostingList, type PostingListPlace } from "./posting-list.ts";
import { RUN_SLACK_BYTES } from "./posting-run.ts";
import { decodeRootPayload, type SegmentPageEntry, type SegmentRootParts } from "./segment-root.ts";
import type { StoredDocument } from "./stored-document.ts";

/** What the directory says about a term. */
export interface TermEntry {
  readonly termId: number;
  readonly documentFrequency: number;
  readonly textFrequency: number;
  readonly maxImpact: number;
  /** First page of the posting list; 0 is the root itself. */
  readonly page: number;
  /** How many pages, one after another, the list has: more than one only when it fills all of them. */
  readonly pages: number;
  /** Of the list in the first page's payload. */
  readonly offset: number;
  /** In all its pages. */
  readonly length: number;
}

/** The run of documents that holds an ordinal. */
export interface DocumentPage {
  readonly page: number;
  readonly firstOrdinal: number;
  readonly count: number;
  readonly offset: number;
  readonly length: number;
}

/** A decoded root page: immutable, so that it can be kept for as long as the segment lives. */
export interface SegmentRoot {
  readonly formatVersion: number;
  readonly segmentId: string;
  readonly key: string;
  readonly documents: number;
  readonly postings: number;
  /** Pages, the root included. */
  readonly pages: number;
  readonly termCount: number;
  /** CRC-32C of the root page in hex; it covers the checksums of all other pages. */
  readonly checksum: string;
  /** Payload of the root, which holds postings and documents of a segment of one page; null in others. */
  readonly inlinePayload: Uint8Array | null;
  find(termId: number): TermEntry | null;
  entries(): IterableIterator<TermEntry>;
  /** @throws LzeroError `ordinal_out_of_range` */
  documentPageOf(ordinal: number): DocumentPage;
  /** Document pages in ascending order of ordinals. */
  documentPages(): DocumentPage[];
  pageEntry(page: number): SegmentPageEntry;
  /** Key of another page of this segment. */
  pageKey(page: number): string;
}

/**
 * Decodes page 0 of a segment.
 * @throws LzeroError of `decodePage`, or `page_corrupt`
 */
export function decodeSegmentRoot(value: Uint8Array, segmentId: string, key: string): SegmentRoot {
  const payload = decodePage(value, { key, kind: PAGE_KIND.segmentRoot, owner: segmentId, page: 0 });
  return new DecodedRoot(segmentId, key, checksumText(pageChecksum(value)), pageVersion(value), payload);
}

/**
 * Checks a page of a segment against the root's directory.
 * @returns its payload
 * @throws LzeroError of `decodePage`; `page_corrupt` when it is not the page that the root was written with
 */
export function decodeSegmentPage(root: SegmentRoot, value: Uint8Array, page: number): Uint8Array {
  const entry = root.pageEntry(page);
  const key = root.pageKey(page);
  const payload = decodePage(value, { key, kind: entry.kind, owner: root.segmentId, page });
  if (value.length !== entry.sizeBytes) {
    throw pageCorrupt(key, value.length, "the length", entry.sizeBytes, value.length);
  }
  if (pageChecksum(value) !== entry.checksum) {
    throw pageCorrupt(key, 32, "the checksum", entry.checksum, pageChecksum(value));
  }
  return payload;
}

/** Payload of a page of the segment; `root.inlinePayload` for page 0. */
export type PayloadOf = (page: number) => Uint8Array;

/**
 * Says where the list of a term lies, for the functions of `posting-list.ts`.
 * @param payloadOf is asked for pages `entry.page` to `entry.page + entry.pages − 1`
 */
export function postingListPlace(
  root: SegmentRoot,
  payloadOf: PayloadOf,
  entry: TermEntry,
): PostingListPlace {
  const parts = Array.from({ length: entry.pages }, (_, at) => {
    const page = entry.page + at;
    const payload = payloadOf(page);
    const length = entry.pages === 1 ? entry.length : payload.length - RUN_SLACK_BYTES;
    return { key: root.pageKey(page), payload, offset: entry.offset, length };
  });
  return {
    formatVersion: root.formatVersion,
    parts,
    documentFrequency: entry.documentFrequency,
    maxImpact: entry.maxImpact,
    documents: root.documents,
  };
}

/** Decodes the list of a term; parameters as in `postingListPlace`. @throws LzeroError `page_corrupt` */
export function decodePostingList(root: SegmentRoot, payloadOf: PayloadOf, entry: TermEntry): PostingList {
  return decodePostings(postingListPlace(root, payloadOf, entry));
}

/**
 * Decodes one document.
 * @param pagePayload payload of page `root.documentPageOf(ordinal).page`; `root.inlinePayload` when that is 0
 * @throws LzeroError `page_corrupt`, `ordinal_out_of_range`
 */
export function decodeStoredDocument(
  root: SegmentRoot,
  pagePayload: Uint8Array,
  ordinal: number,
): StoredDocument {
  return decodeDocument(documentPlace(root, pagePayload, root.documentPageOf(ordinal)), ordinal);
}

/** Decodes the term ids of one document's own tokens; parameters and errors as in `decodeStoredDocument`. */
export function decodeStoredOwnTermIds(
  root: SegmentRoot,
  pagePayload: Uint8Array,
  ordinal: number,
): Uint32Array {
  return decodeOwnTermIds(documentPlace(root, pagePayload, root.documentPageOf(ordinal)), ordinal);
}

export function documentPlace(root: SegmentRoot, pagePayload: Uint8Array, page: DocumentPage): DocumentPlace {
  return {
    key: root.pageKey(page.page),
    payload: pagePayload,
    offset: page.offset,
    length: page.length,
    firstOrdinal: page.firstOrdinal,
    count: page.count,
  };
}

class DecodedRoot implements SegmentRoot {
  readonly formatVersion: number;
  readonly segmentId: string;
  readonly key: string;
  readonly documents: number;
  readonly postings: number;
  readonly pages: number;
  readonly termCount: number;
  readonly checksum: string;
  readonly inlinePayload: Uint8Array | null;
  readonly #parts: SegmentRootParts;
  readonly #documentPages: DocumentPage[];
  /** Per term: page and offset of its list. */
  readonly #listPages: Uint32Array;
  readonly #listOffsets: Uint32Array;
  /** Lists of more than one page: how many, by index. */
  readonly #listPageCounts: ReadonlyMap<number, number>;

  constructor(segmentId: string, key: string, checksum: string, formatVersion: number, payload: Uint8Array) {
    const parts = decodeRootPayload(payload, formatVersion, key);
    this.formatVersion = formatVersion;
    this.segmentId = segmentId;
    this.key = key;
    this.checksum = checksum;
    this.documents = parts.documents;
    this.postings = parts.postings;
    this.pages = parts.pages.length + 1;
    this.termCount = parts.columns.termIds.length;
    this.inlinePayload = parts.pages.length === 0 ? payload : null;
    this.#parts = parts;
    this.#documentPages = placeDocuments(parts, parts.inlineDocumentsAt);
    const lists = placeLists(parts, parts.inlinePostingsAt, formatVersion === 1 ? 0 : RUN_SLACK_BYTES, key);
    this.#listPages = lists.pages;
    this.#listOffsets = lists.offsets;
    this.#listPageCounts = lists.pageCounts;
  }

  find(termId: number): TermEntry | null {
    const { termIds } = this.#parts.columns;
    let low = 0;
    let high = termIds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (termIds[middle]! < termId) low = middle + 1;
      else high = middle;
    }
    return low < termIds.length && termIds[low] === termId ? this.#entry(low) : null;
  }

  *entries(): IterableIterator<TermEntry> {
    for (let index = 0; index < this.termCount; index++) yield this.#entry(index);
  }

  documentPageOf(ordinal: number): DocumentPage {
    if (!(ordinal >= 0 && ordinal < this.documents)) {
      throw new LzeroError("ordinal_out_of_range", `${this.key} has no ordinal ${ordinal}`, {
        key: this.key,
        expected: `less than ${this.documents}`,
        actual: ordinal,
      });
    }
    let low = 0;
    let high = this.#documentPages.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#documentPages[middle]!.firstOrdinal <= ordinal) low = middle;
      else high = middle - 1;
    }
    return this.#documentPages[low]!;
  }

  documentPages(): DocumentPage[] {
    return this.#documentPages.slice();
  }

  pageEntry(page: number): SegmentPageEntry {
    const entry = this.#parts.pages[page - 1];
    if (entry === undefined) {
      throw new LzeroError("page_out_of_range", `${this.key} names no page ${page}`, {
        key: this.key,
        expected: `1 to ${this.pages - 1}`,
        actual: page,
      });
    }
    return entry;
  }

  pageKey(page: number): string {
    return page === 0 ? this.key : `${this.key.slice(0, this.key.lastIndexOf("/") + 1)}${page}`;
  }

  #entry(index: number): TermEntry {
    const { columns } = this.#parts;
    return {
      termId: columns.termIds[index]!,
      documentFrequency: columns.documentFrequencies[index]!,
      textFrequency: columns.textFrequencies[index]!,
      maxImpact: columns.maxImpacts[index]!,
      page: this.#listPages[index]!,
      pages: this.#listPageCounts.get(index) ?? 1,
      offset: this.#listOffsets[index]!,
      length: columns.lengths[index]!,
    };
  }
}

function placeDocuments(parts: SegmentRootParts, inlineAt: number): DocumentPage[] {
  if (parts.documents === 0) return [];
  if (parts.pages.length === 0) {
    const length = parts.inlineDocuments.length;
    return [{ page: 0, firstOrdinal: 0, count: parts.documents, offset: inlineAt, length }];
  }
  const placed: DocumentPage[] = [];
  parts.pages.forEach((entry, index) => {
    if (entry.kind !== PAGE_KIND.documents) return;
    const end = parts.pages[index + 1]?.first ?? parts.documents;
    placed.push({
      page: index + 1,
      firstOrdinal: entry.first,
      count: end - entry.first,
      offset: 0,
      length: entry.sizeBytes - PAGE_HEADER_BYTES,
    });
  });
  return placed;
}

/** Lays lists over the posting pages, large ones and packed ones apart; every page must be filled exactly. */
function placeLists(
  parts: SegmentRootParts,
  inlineAt: number,
  slackBytes: number,
  key: string,
): { pages: Uint32Array; offsets: Uint32Array; pageCounts: Map<number, number> } {
  const { largePages, largeListBytes } = parts;
  const { lengths } = parts.columns;
  const pages = new Uint32Array(lengths.length);
  const offsets = new Uint32Array(lengths.length);
  const pageCounts = new Map<number, number>();
  const postingPages = parts.pages.filter(({ kind }) => kind === PAGE_KIND.postings);
  const isInline = parts.pages.length === 0;
  const roomOf = (page: number) => postingPages[page - 1]!.sizeBytes - PAGE_HEADER_BYTES - slackBytes;
  const checkFilled = (page: number, wanted: number, actual: number) => {
    if (actual === wanted) return;
    throw pageCorrupt(key, PAGE_HEADER_BYTES, `the length of the lists of page ${page}`, wanted, actual);
  };
  let large = 0;
  let page = isInline ? 0 : largePages;
  let offset = isInline ? inlineAt : 0;
  for (let index = 0; index < lengths.length; index++) {
    const length = lengths[index]!;
    if (length > largeListBytes && !isInline) {
      const firstPage = large + 1;
      let room = 0;
      while (large < largePages && postingPages[large]!.first === index) room += roomOf(++large);
      checkFilled(firstPage, room, length);
      pages[index] = firstPage;
      if (large > firstPage) pageCounts.set(index, large - firstPage + 1);
      continue;
    }
    if (postingPages[page]?.first === index && page >= largePages && !isInline) {
      if (page > largePages) checkFilled(page, roomOf(page), offset);
      page++;
      offset = 0;
    }
    pages[index] = page;
    offsets[index] = offset;
    offset += length;
  }
  if (large < largePages || page < postingPages.length) {
    throw pageCorrupt(
      key,
      PAGE_HEADER_BYTES,
      "the number of posting pages",
      large + page,
      postingPages.length,
    );
  }
  if (isInline) {
    const slack = parts.inlinePostings.length === 0 ? 0 : slackBytes;
    checkFilled(0, inlineAt + parts.inlinePostings.length - slack, offset);
  } else if (page > largePages) checkFilled(page, roomOf(page), offset);
  else checkFilled(page, 0, offset);
  return { pages, offsets, pageCounts };
}

/**
 * Checks a whole segment: all its pages are read, in order, and everything that they say is compared with everything
 * else that says it. Findings are collected; what depends on a page that cannot be read is left out.
 */

import { LzeroError } from "../errors.ts";
import type { ManifestSegment } from "../format/manifest.ts";
import { decodePage, PAGE_KIND, type PageKind } from "../format/page.ts";
import {
  decodeSegmentPage,
  decodeSegmentRoot,
  postingListPlace,
  type SegmentRoot,
  type TermEntry,
} from "../format/segment-reader.ts";
import { manifestKey, pageKey } from "../storage/keys.ts";
import type { PageReader } from "../storage/page-store.ts";
import { checkDocuments, type DocumentCheck } from "./check-documents.ts";
import { checkPostingList } from "./check-posting-list.ts";
import type { DocumentPlaces } from "./document-places.ts";
import type { ProblemList } from "./problem.ts";
import { readAhead } from "./read-ahead.ts";
import { TermCounts } from "./term-counts.ts";

export interface SegmentCheck {
  readonly reader: PageReader;
  readonly index: string;
  readonly segment: ManifestSegment;
  /** The segment's place in the manifest. */
  readonly place: number;
  /** Null when it is not known. */
  readonly vocabularySize: number | null;
  readonly places: DocumentPlaces;
  readonly describePlace: (segment: number, ordinal: number) => string;
  readonly problems: ProblemList;
  /** Called with the length of every value that was asked for; null when it is not there. */
  readonly onPage: (sizeBytes: number | null) => void;
}

/** @returns postings that were read and found right */
export async function verifySegment(check: SegmentCheck): Promise<number> {
  const { index, segment, problems } = check;
  checkTombstones(check);
  const keys = Array.from({ length: segment.pages }, (_, page) => pageKey(index, segment.segmentId, page));
  let pages: SegmentPages | null = null;
  let page = 0;
  for await (const { key, value } of readAhead(check.reader, keys)) {
    check.onPage(value?.length ?? null);
    if (value === null) {
      problems.addError(new LzeroError("page_missing", `${key} is not there`, { key }), key);
    } else if (page === 0) {
      const root = problems.attempt(key, () => decodeSegmentRoot(value, segment.segmentId, key));
      if (root !== null) pages = new SegmentPages(check, root, value.length);
    } else if (pages === null) {
      checkLonePage(check, value, page, key);
    } else {
      pages.checkPage(value, page);
    }
    page++;
  }
  return pages?.finish() ?? 0;
}

/** The pages of one segment against its root. */
class SegmentPages {
  readonly #check: SegmentCheck;
  readonly #root: SegmentRoot;
  readonly #documents: DocumentCheck;
  readonly #textFrequencies = new TermCounts();
  /** Lists by the last of their pages. */
  readonly #lists = new Map<number, TermEntry[]>();
  /** Payloads of pages whose list goes on in the next one. */
  readonly #parts = new Map<number, Uint8Array>();
  #documentPagesRead = 0;
  #postings = 0;

  constructor(check: SegmentCheck, root: SegmentRoot, rootBytes: number) {
    this.#check = check;
    this.#root = root;
    const deleted = new Set(check.segment.tombstones);
    this.#documents = {
      root,
      segment: check.place,
      isDeleted: (ordinal) => deleted.has(ordinal),
      places: check.places,
      textFrequencies: this.#textFrequencies,
      describePlace: check.describePlace,
      problems: check.problems,
    };
    for (const entry of root.entries()) {
      if (entry.documentFrequency === 0) continue;
      const lastPage = entry.page + entry.pages - 1;
      const lists = this.#lists.get(lastPage) ?? [];
      lists.push(entry);
      this.#lists.set(lastPage, lists);
    }
    compareWithManifest(check, root, rootBytes);
    checkTermIds(check, root);
    if (root.inlinePayload !== null) {
      this.#checkPostings(root.inlinePayload, 0);
      this.#checkDocuments(root.inlinePayload, 0);
    }
  }

  checkPage(value: Uint8Array, page: number): void {
    const root = this.#root;
    // The manifest counts more pages than the root names: that is reported, and nothing is known of this one.
    if (page >= root.pages) return;
    const payload = this.#check.problems.attempt(root.pageKey(page), () =>
      decodeSegmentPage(root, value, page),
    );
    if (payload === null) return;
    if (root.pageEntry(page).kind === PAGE_KIND.postings) this.#checkPostings(payload, page);
    else this.#checkDocuments(payload, page);
  }

  /** Compares what only all pages together say. @returns postings that were found right */
  finish(): number {
    if (this.#documentPagesRead === this.#root.documentPages().length) this.#compareTextFrequencies();
    return this.#postings;
  }

  /** A list of several pages is checked with its last one, if all could be read. */
  #checkPostings(payload: Uint8Array, page: number): void {
    const lists = this.#lists.get(page);
    this.#parts.set(page, payload);
    for (const entry of lists ?? []) {
      const pages = Array.from({ length: entry.pages }, (_, at) => entry.page + at);
      if (!pages.every((part) => this.#parts.has(part))) continue;
      const place = postingListPlace(this.#root, (part) => this.#parts.get(part)!, entry);
      if (checkPostingList(place, entry.termId, this.#check.problems))
        this.#postings += entry.documentFrequency;
    }
    if (lists !== undefined) this.#parts.clear();
  }

  #checkDocuments(payload: Uint8Array, page: number): void {
    if (this.#root.documents === 0) return;
    const firstOrdinal = page === 0 ? 0 : this.#root.pageEntry(page).first;
    const run = this.#root.documentPageOf(firstOrdinal);
    if (checkDocuments(this.#documents, payload, run)) this.#documentPagesRead++;
  }

  #compareTextFrequencies(): void {
    const { problems } = this.#check;
    const { key } = this.#root;
    const compare = (termId: number, stated: number) => {
      const found = this.#textFrequencies.take(termId);
      if (found === stated) return;
      problems.add(
        "text_frequency_wrong",
        key,
        `term ${termId}: the text frequency is ${stated}, counted ${found}`,
        {
          termId,
          stated,
          found,
        },
      );
    };
    for (const { termId, textFrequency } of this.#root.entries()) compare(termId, textFrequency);
    // What is left belongs to terms that the directory does not have.
    for (const termId of this.#textFrequencies.remaining()) compare(termId, 0);
  }
}

function checkTombstones({ index, segment, problems }: SegmentCheck): void {
  const key = manifestKey(index);
  const { segmentId, tombstones, documents } = segment;
  tombstones.forEach((ordinal, at) => {
    if (at > 0 && ordinal <= tombstones[at - 1]!) {
      const message = `segment ${segmentId}: tombstone ${ordinal} follows ${tombstones[at - 1]}`;
      problems.add("tombstones_unsorted", key, message, { segmentId, ordinal });
    }
    if (ordinal >= documents) {
      const message = `segment ${segmentId}: tombstone ${ordinal} of ${documents} documents`;
      problems.add("tombstone_out_of_range", key, message, { segmentId, ordinal, documents });
    }
  });
}

function compareWithManifest(
  { index, segment, problems }: SegmentCheck,
  root: SegmentRoot,
  rootBytes: number,
): void {
  let sizeBytes = rootBytes;
  for (let page = 1; page < root.pages; page++) sizeBytes += root.pageEntry(page).sizeBytes;
  const compared: [string, string | number, string | number][] = [
    ["checksum", segment.checksum, root.checksum],
    ["documents", segment.documents, root.documents],
    ["pages", segment.pages, root.pages],
    ["sizeBytes", segment.sizeBytes, sizeBytes],
  ];
  for (const [what, stated, found] of compared) {
    if (stated === found) continue;
    const message = `segment ${segment.segmentId}: ${what} is ${stated} in the manifest, ${found} in its root`;
    problems.add("manifest_disagrees", manifestKey(index), message, {
      segmentId: segment.segmentId,
      what,
      stated,
      found,
    });
  }
}

function checkTermIds({ vocabularySize, problems }: SegmentCheck, root: SegmentRoot): void {
  if (vocabularySize === null) return;
  for (const { termId } of root.entries()) {
    if (termId < vocabularySize) continue;
    const message = `term ${termId} of a vocabulary of ${vocabularySize}`;
    problems.add("term_out_of_vocabulary", root.key, message, { termId, vocabularySize });
  }
}

/** All that can be said of a page whose root is lost: that it is sound, and at its place. */
function checkLonePage(
  { segment, problems }: SegmentCheck,
  value: Uint8Array,
  page: number,
  key: string,
): void {
  const kind: PageKind = value[5] === PAGE_KIND.documents ? PAGE_KIND.documents : PAGE_KIND.postings;
  problems.attempt(key, () => decodePage(value, { key, kind, owner: segment.segmentId, page }));
}

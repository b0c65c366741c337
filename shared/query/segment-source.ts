/**
 * Where a query gets decoded pages from: roots and payloads by segment and page, with the reads counted. A Worker
 * keeps decoded roots between queries by passing its own `RootCache`, or caches whatever it likes in the PageReader.
 */
import { LzeroError } from "../errors.ts";
import { pageCorrupt } from "../format/errors.ts";
import type { ManifestSegment } from "../format/manifest.ts";
import { PAGE_HEADER_BYTES } from "../format/page.ts";
import { decodeSegmentPage, decodeSegmentRoot, type SegmentRoot } from "../format/segment-reader.ts";
import { pageKey } from "../storage/keys.ts";
import type { PageReader } from "../storage/page-store.ts";
import { createLimiter, type Limiter } from "./limiter.ts";

/** Workers: six connections may wait for their headers at once (Cloudflare docs, "Workers limits"). */
export const MAX_READS_AT_ONCE = 6;

export interface SegmentSource {
  /**
   * The decoded root; asking again costs nothing.
   * @throws LzeroError `page_missing` and those of the decoders
   */
  root(segment: ManifestSegment): Promise<SegmentRoot>;
  /**
   * Payload of a page, checked; page 0 is the root's own payload in a segment of one page.
   * @throws LzeroError `page_missing` and those of the decoders
   */
  page(root: SegmentRoot, page: number): Promise<Uint8Array>;
  /** Values read so far, and their bytes; what a RootCache answered is not counted. */
  readonly reads: number;
  readonly bytesRead: number;
}

/** Decoded roots by segment id. Roots are immutable and segment ids are never reused, so nothing ever goes stale. */
export interface RootCache {
  get(segmentId: string): SegmentRoot | undefined;
  set(segmentId: string, root: SegmentRoot): void;
}

/** Reads pages of one index, at most MAX_READS_AT_ONCE at once; made anew for every query. */
export class ReaderSegmentSource implements SegmentSource {
  reads = 0;
  bytesRead = 0;
  readonly #reader: PageReader;
  readonly #index: string;
  readonly #roots: RootCache | null;
  readonly #verified: WeakSet<Uint8Array> | null;
  /** Roots of this query. */
  readonly #asked = new Map<string, Promise<SegmentRoot>>();
  readonly #limit: Limiter = createLimiter(MAX_READS_AT_ONCE);

  /**
   * @param verified values that this reader gave before and that were found right: a reader that keeps values gives
   *   the same object under the same key again, and its checksum need not be computed for every query
   */
  constructor(
    reader: PageReader,
    index: string,
    roots: RootCache | null = null,
    verified: WeakSet<Uint8Array> | null = null,
  ) {
    this.#reader = reader;
    this.#index = index;
    this.#roots = roots;
    this.#verified = verified;
  }

  root(segment: ManifestSegment): Promise<SegmentRoot> {
    const root = this.#asked.get(segment.segmentId) ?? this.#checkedRoot(segment);
    this.#asked.set(segment.segmentId, root);
    return root;
  }

  async page(root: SegmentRoot, page: number): Promise<Uint8Array> {
    if (page === 0 && root.inlinePayload !== null) return root.inlinePayload;
    const value = await this.#read(root.pageKey(page));
    if (this.#verified?.has(value) === true) return value.subarray(PAGE_HEADER_BYTES);
    const payload = decodeSegmentPage(root, value, page);
    this.#verified?.add(value);
    return payload;
  }

  async #checkedRoot(segment: ManifestSegment): Promise<SegmentRoot> {
    const root = this.#roots?.get(segment.segmentId) ?? (await this.#readRoot(segment.segmentId));
    const stated: [string, number | string, number | string][] = [
      ["the checksum of the root", segment.checksum, root.checksum],
      ["the number of documents", segment.documents, root.documents],
      ["the number of pages", segment.pages, root.pages],
    ];
    for (const [what, expected, actual] of stated) {
      if (expected !== actual) throw pageCorrupt(root.key, 0, what, expected, actual);
    }
    return root;
  }

  async #readRoot(segmentId: string): Promise<SegmentRoot> {
    const key = pageKey(this.#index, segmentId, 0);
    const root = decodeSegmentRoot(await this.#read(key), segmentId, key);
    this.#roots?.set(segmentId, root);
    return root;
  }

  async #read(key: string): Promise<Uint8Array> {
    const value = await this.#limit(() => this.#reader.read(key));
    this.reads++;
    if (value === null) throw new LzeroError("page_missing", `${key} is not there`, { key });
    this.bytesRead += value.length;
    return value;
  }
}

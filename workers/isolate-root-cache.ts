/**
 * Decoded segment roots between queries. In: a segment id. Out: its root, if the isolate has it. Counts what it gave,
 * so that a query's reads are those it needs, whoever answers them. One for each request.
 */
import type { SegmentRoot } from "../shared/format/segment-reader.ts";
import type { RootCache } from "../shared/query/segment-source.ts";
import type { IsolateCache } from "./isolate-cache.ts";

/** Columns of the term directory (id, two frequencies, impact, length) and the place of each list. */
const BYTES_PER_TERM = 28;
const BYTES_PER_PAGE = 128;

export class IsolateRootCache implements RootCache {
  hits = 0;
  hitBytes = 0;

  private readonly cache: IsolateCache;

  constructor(cache: IsolateCache) {
    this.cache = cache;
  }

  get(segmentId: string): SegmentRoot | undefined {
    const root = this.cache.get(`root:${segmentId}`) as SegmentRoot | undefined;
    if (root !== undefined) {
      this.hits += 1;
      this.hitBytes += this.decodedBytes(root);
    }
    return root;
  }

  set(segmentId: string, root: SegmentRoot): void {
    this.cache.set(`root:${segmentId}`, root, this.decodedBytes(root));
  }

  private decodedBytes(root: SegmentRoot): number {
    return (root.inlinePayload?.length ?? 0) + root.termCount * BYTES_PER_TERM + root.pages * BYTES_PER_PAGE;
  }
}

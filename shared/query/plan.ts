/**
 * Which posting lists of which segments a query reads. Without a budget: all. With one: those that can add most to a
 * score, and what the others could have added at most, which is what an answer's certificate is made from.
 */
import type { SegmentRoot } from "../format/segment-reader.ts";
import { findLists, pagesOf, type WeightedList } from "./lists.ts";
import type { QueryVector } from "./query-vector.ts";

/** What a query may read of posting pages, over all segments; roots and documents are not counted. */
export interface ReadBudget {
  /** Values. */
  readonly maxReads?: number;
  readonly maxBytes?: number;
}

/** The lists of one segment that are read, highest bound first. */
export interface SegmentPlan {
  readonly root: SegmentRoot;
  readonly lists: readonly WeightedList[];
  /** Σ of the bounds of the lists that are not. */
  readonly unreadBound: number;
}

/** @param roots in the order of the manifest's segments */
export function planLists(
  roots: readonly SegmentRoot[],
  query: QueryVector,
  { maxReads = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY }: ReadBudget,
): SegmentPlan[] {
  const all = roots.map((root) => ({ root, lists: findLists(root, query) }));
  if (maxReads === Number.POSITIVE_INFINITY && maxBytes === Number.POSITIVE_INFINITY) {
    return all.map(({ root, lists }) => ({ root, lists, unreadBound: 0 }));
  }
  const candidates = all.flatMap(({ root, lists }, place) =>
    lists.map((list) => ({
      list,
      place,
      bytes: new Map(pagesOf(list.entry).map((page) => [page, sizeOf(root, page)])),
    })),
  );
  candidates.sort((a, b) => b.list.bound - a.list.bound || a.place - b.place);
  const chosen = all.map((): WeightedList[] => []);
  const pagesRead = all.map(() => new Set<number>());
  let reads = 0;
  let bytes = 0;
  for (const { list, place, bytes: pages } of candidates) {
    const more = [...pages].filter(([page]) => !pagesRead[place]!.has(page));
    const moreBytes = more.reduce((sum, [, sizeBytes]) => sum + sizeBytes, 0);
    // A list that does not fit is passed over: a smaller one of a lower bound may still fit.
    if (
      reads + more.filter(([, sizeBytes]) => sizeBytes > 0).length > maxReads ||
      bytes + moreBytes > maxBytes
    )
      continue;
    for (const [page, sizeBytes] of more) {
      pagesRead[place]!.add(page);
      if (sizeBytes > 0) reads++;
    }
    bytes += moreBytes;
    chosen[place]!.push(list);
  }
  return all.map(({ root, lists }, place) => {
    const read = new Set(chosen[place]);
    const unread = lists.filter((list) => !read.has(list));
    return { root, lists: chosen[place]!, unreadBound: unread.reduce((sum, { bound }) => sum + bound, 0) };
  });
}

/** Lists inside the root cost no further read. */
function sizeOf(root: SegmentRoot, page: number): number {
  return page === 0 ? 0 : root.pageEntry(page).sizeBytes;
}

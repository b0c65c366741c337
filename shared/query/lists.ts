/** Which lists a query needs of a segment, and their pages. */
import type { PayloadOf, SegmentRoot, TermEntry } from "../format/segment-reader.ts";
import type { QueryVector } from "./query-vector.ts";

/** A posting list with its term's weight in the query. */
export interface WeightedList {
  readonly entry: TermEntry;
  readonly weight: number;
  /** What the list can add to a score: weight · maxImpact. */
  readonly bound: number;
}

/** The lists of a query, highest bound first. */
export function findLists(root: SegmentRoot, query: QueryVector): WeightedList[] {
  const lists: WeightedList[] = [];
  query.termIds.forEach((termId, index) => {
    const entry = root.find(termId);
    if (entry === null || entry.documentFrequency === 0) return;
    const weight = query.weights[index]!;
    lists.push({ entry, weight, bound: weight * entry.maxImpact });
  });
  return lists.sort((a, b) => b.bound - a.bound || a.entry.termId - b.entry.termId);
}

/** Pages of a list. */
export function pagesOf({ page, pages }: TermEntry): number[] {
  return Array.from({ length: pages }, (_, at) => page + at);
}

/**
 * Reads the pages of lists, each once.
 * @param readPage gives the payload of a page
 * @throws what `readPage` throws
 */
export async function readListPages(
  readPage: (page: number) => Promise<Uint8Array>,
  entries: Iterable<TermEntry>,
): Promise<PayloadOf> {
  const pages = new Set<number>();
  for (const entry of entries) for (const page of pagesOf(entry)) pages.add(page);
  const payloads = new Map(
    await Promise.all(Array.from(pages, async (page) => [page, await readPage(page)] as const)),
  );
  return (page) => payloads.get(page)!;
}

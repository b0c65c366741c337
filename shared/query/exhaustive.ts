/**
 * The exhaustive scorer: term at a time over all posting lists of the query, one accumulator a document. Pages are
 * scored as they arrive, so that no more are held than are under way; sums of integers do not depend on the order.
 */
import { accumulatePostings } from "../format/posting-list.ts";
import { postingListPlace, type SegmentRoot, type TermEntry } from "../format/segment-reader.ts";
import type { QueryAlgorithm, SegmentQuery } from "./algorithm.ts";
import type { QueryVector } from "./query-vector.ts";
import type { TopK } from "./top-k.ts";

export const exhaustive: QueryAlgorithm = {
  name: "exhaustive",
  async scoreSegment({ source, segment, place, query, top }: SegmentQuery) {
    const root = await source.root(segment);
    const pages = findLists(root, query);
    if (pages.size === 0) return { postings: 0 };
    const accumulators = new Int32Array(root.documents);
    let postings = 0;
    await Promise.all(
      Array.from(pages, async ([page, lists]) => {
        const payload = await source.page(root, page);
        for (const { entry, weight } of lists) {
          accumulatePostings(postingListPlace(root, payload, entry), weight, accumulators);
          postings += entry.documentFrequency;
        }
      }),
    );
    for (const ordinal of segment.tombstones) accumulators[ordinal] = 0;
    offerAll(accumulators, place, top);
    return { postings };
  },
};

interface WeightedList {
  readonly entry: TermEntry;
  readonly weight: number;
}

/** The lists that the query needs, by the page that holds them. */
function findLists(root: SegmentRoot, query: QueryVector): Map<number, WeightedList[]> {
  const pages = new Map<number, WeightedList[]>();
  query.termIds.forEach((termId, index) => {
    const entry = root.find(termId);
    if (entry === null || entry.documentFrequency === 0) return;
    const lists = pages.get(entry.page) ?? [];
    lists.push({ entry, weight: query.weights[index]! });
    pages.set(entry.page, lists);
  });
  return pages;
}

function offerAll(accumulators: Int32Array, place: number, top: TopK): void {
  let threshold = top.threshold;
  for (let ordinal = 0; ordinal < accumulators.length; ordinal++) {
    const score = accumulators[ordinal]!;
    if (score < threshold) continue;
    top.offer(score, place, ordinal);
    threshold = top.threshold;
  }
}

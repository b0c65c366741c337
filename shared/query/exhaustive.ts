/**
 * The exhaustive scorer: term at a time over all posting lists of the query, decoded into arrays, one accumulator a
 * document. It is the plainest way to the right answer, and what every other algorithm is held against.
 */
import { decodePostingList } from "../format/segment-reader.ts";
import type { QueryAlgorithm, SegmentQuery } from "./algorithm.ts";
import { findLists, readListPages } from "./lists.ts";
import type { TopK } from "./top-k.ts";

export const exhaustive: QueryAlgorithm = {
  name: "exhaustive",
  async scoreSegment({ source, segment, place, query, top }: SegmentQuery) {
    const root = await source.root(segment);
    const lists = findLists(root, query);
    if (lists.length === 0) return { postings: 0 };
    const payloadOf = await readListPages(
      (page) => source.page(root, page),
      lists.map(({ entry }) => entry),
    );
    const accumulators = new Int32Array(root.documents);
    let postings = 0;
    for (const { entry, weight } of lists) {
      const { ordinals, impacts } = decodePostingList(root, payloadOf, entry);
      for (let at = 0; at < ordinals.length; at++) accumulators[ordinals[at]!]! += weight * impacts[at]!;
      postings += entry.documentFrequency;
    }
    for (const ordinal of segment.tombstones) accumulators[ordinal] = 0;
    offerAll(accumulators, place, top);
    return { postings };
  },
};

function offerAll(accumulators: Int32Array, place: number, top: TopK): void {
  let threshold = top.threshold;
  for (let ordinal = 0; ordinal < accumulators.length; ordinal++) {
    const score = accumulators[ordinal]!;
    if (score < threshold) continue;
    top.offer(score, place, ordinal);
    threshold = top.threshold;
  }
}

/**
 * The exhaustive scorer: term at a time over all posting lists of the query, decoded into arrays, one accumulator a
 * document. It is the plainest way to the right answer, and what every other algorithm is held against.
 */
import { decodePostingList } from "../format/segment-reader.ts";
import type { QueryAlgorithm } from "./algorithm.ts";

export const exhaustive: QueryAlgorithm = {
  name: "exhaustive",
  scoreSegment({ root, lists, payloadOf, tombstones, allowed, place, top }) {
    const scores = new Int32Array(root.documents);
    let postings = 0;
    for (const { entry, weight } of lists) {
      const { ordinals, impacts } = decodePostingList(root, payloadOf, entry);
      for (let at = 0; at < ordinals.length; at++) scores[ordinals[at]!]! += weight * impacts[at]!;
      postings += entry.documentFrequency;
    }
    for (const ordinal of tombstones) scores[ordinal] = 0;
    const mayBeFound = allowed === null ? null : new Set(allowed);
    for (let ordinal = 0; ordinal < scores.length; ordinal++) {
      if (scores[ordinal]! === 0 || mayBeFound?.has(ordinal) === false) continue;
      if (scores[ordinal]! >= top.threshold) top.offer(scores[ordinal]!, place, ordinal);
    }
    return postings;
  },
};

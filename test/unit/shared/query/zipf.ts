/** Larger random indexes and queries, shaped as real ones are. */
import type { SegmentDocument } from "../../../../shared/format/stored-document.ts";
import type { QueryVector } from "../../../../shared/query/query-vector.ts";
import { randomOf } from "../../../support/random.ts";
import { queryOf } from "./support.ts";

/**
 * Documents with Zipf-distributed terms, rare ones with high impacts as IDF-weighted pruning leaves them. Few distinct
 * impacts make ties frequent.
 */
export function makeDocuments(
  seed: number,
  count: number,
  terms: number,
  distinctImpacts: number,
): SegmentDocument[] {
  const random = randomOf(seed);
  return Array.from({ length: count }, (_, ordinal) => {
    const termIds = new Set<number>();
    const wanted = Math.floor(random() * 12);
    for (let draw = 0; draw < wanted; draw++) termIds.add(Math.floor(terms ** random()) - 1);
    const sorted = Uint32Array.from(termIds).sort();
    return {
      id: `d${ordinal}`,
      version: 1,
      fields: { title: null, text: "", url: null, metadata: null },
      termIds: sorted,
      impacts: Uint8Array.from(sorted, () => 1 + Math.floor((random() * distinctImpacts) % 31)),
      ownTermIds: new Uint32Array(0),
    };
  });
}

export function makeQueries(seed: number, count: number, terms: number): QueryVector[] {
  const random = randomOf(seed);
  return Array.from({ length: count }, () => {
    const weights: Record<number, number> = {};
    const size = 1 + Math.floor(random() * 12);
    for (let draw = 0; draw < size; draw++) {
      const term = Math.floor(terms ** random()) - 1;
      // IDF-like: a rare term weighs more.
      weights[term] = 1 + Math.floor(256 * Math.log(2 + term) * (0.5 + random()));
    }
    return queryOf(weights);
  });
}

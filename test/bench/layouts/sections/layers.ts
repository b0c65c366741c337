/**
 * Impact layers: each large list in two values, its highest impacts first, the rest only where the proof needs it.
 * Simulated: the layers are cut of real lists, reads are counted, no codec is written. The threshold is that of the exact
 * answer, known beforehand, and the proof asks only which documents the first ten are: exact scores would need the second
 * layer of nearly every list, since a document that the first lacks may be in the second.
 */
import { LARGE_LIST_BYTES } from "../../../../shared/format/limits.ts";
import { QUERY_SETS, type QuerySet } from "../../collections/query-sets.ts";
import type { InvertedLists } from "../../peers/inverted-lists.ts";
import { K, type Lab, type LabQuery, listLengths } from "../lab.ts";
import { markdownTable } from "../markdown.ts";
import type { SectionReport } from "../section.ts";
import { meanOf } from "../statistics.ts";

/** Share of a list's postings in its first layer, about: a layer ends between two impacts. */
const FIRST_SHARES = [0.05, 0.125, 0.25, 0.5];
const MAX_QUERIES = 60;

export interface LayersRow {
  readonly firstShare: number;
  readonly set: QuerySet;
  readonly lists: number;
  readonly large: number;
  readonly reads: number;
  readonly postingsRead: number;
}

export function measureLayers(lab: Lab): SectionReport {
  const lists = lab.lists.given;
  const lengths = listLengths(lists);
  const rows = FIRST_SHARES.flatMap((firstShare) =>
    QUERY_SETS.map((set): LayersRow => {
      const proofs = lab.queries[set]
        .slice(0, MAX_QUERIES)
        .map((query) => proveByLayers(lists, lengths, query, firstShare));
      const mean = (value: (proof: LayerProof) => number) => meanOf(proofs.map(value));
      return {
        firstShare,
        set,
        lists: mean((proof) => proof.lists),
        large: mean((proof) => proof.large),
        reads: mean((proof) => proof.reads),
        postingsRead: mean((proof) => proof.postingsShare),
      };
    }),
  );
  return {
    title: `Impact layers: ${lab.name}, first ${MAX_QUERIES} queries of a set`,
    text: markdownTable(
      ["first layer", "queries", "lists", "of them large", "reads in layers", "postings read"],
      rows.map(({ firstShare, set, lists, large, reads, postingsRead }) => [
        `${100 * firstShare} %`,
        set,
        lists.toFixed(2),
        large.toFixed(2),
        reads.toFixed(2),
        `${(100 * postingsRead).toFixed(0)} %`,
      ]),
      2,
    ),
    rows,
  };
}

interface LayerProof {
  readonly lists: number;
  readonly large: number;
  readonly reads: number;
  readonly postingsShare: number;
}

/** Reads first layers, then second ones, highest bound first, until no other document can be among the first ten. */
export function proveByLayers(
  lists: InvertedLists,
  lengths: Uint32Array,
  query: LabQuery,
  firstShare: number,
): LayerProof {
  const { offsets, ordinals, impacts } = lists;
  const layers = query.terms.map((term, index) => {
    const [start, end] = [offsets[term]!, offsets[term + 1]!];
    const isLarge = lengths[term]! > LARGE_LIST_BYTES;
    const least = isLarge ? leastOfFirst(impacts.subarray(start, end), firstShare) : 0;
    return { start, end, least, weight: query.weights[index]!, isLarge };
  });
  // What is known of a document, and what it can still have of lists in which it was not seen.
  const known = new Int32Array(lists.documents);
  const open = new Int32Array(lists.documents);
  const boundOf = ({ least, weight }: (typeof layers)[number]) => weight * Math.max(0, least - 1);
  let unread = 0;
  let postingsRead = 0;
  let postings = 0;
  for (const layer of layers) {
    unread += layer.isLarge ? boundOf(layer) : 0;
    postings += layer.end - layer.start;
    for (let at = layer.start; at < layer.end; at++) {
      if (impacts[at]! < layer.least) continue;
      known[ordinals[at]!]! += layer.weight * impacts[at]!;
      if (layer.isLarge) open[ordinals[at]!]! -= boundOf(layer);
      postingsRead++;
    }
  }
  const second = layers.filter(({ isLarge }) => isLarge).sort((a, b) => boundOf(b) - boundOf(a));
  const best = new Set(query.hits);
  const isProven = () => {
    let least = Number.POSITIVE_INFINITY;
    for (const hit of best) least = Math.min(least, known[hit]!);
    if (best.size < K) return false;
    for (let ordinal = 0; ordinal < known.length; ordinal++) {
      if (known[ordinal]! + unread + open[ordinal]! >= least && !best.has(ordinal)) return false;
    }
    return true;
  };
  let reads = layers.length;
  for (const layer of second) {
    if (isProven()) break;
    reads++;
    unread -= boundOf(layer);
    for (let at = layer.start; at < layer.end; at++) {
      const ordinal = ordinals[at]!;
      if (impacts[at]! >= layer.least) open[ordinal]! += boundOf(layer);
      else {
        known[ordinal]! += layer.weight * impacts[at]!;
        postingsRead++;
      }
    }
  }
  return {
    lists: layers.length,
    large: second.length,
    reads,
    postingsShare: postings === 0 ? 0 : postingsRead / postings,
  };
}

/** The least impact of the first layer, so that the layer has about this share of the list and never all of it. */
function leastOfFirst(impacts: Uint8Array, share: number): number {
  const counts = new Uint32Array(257);
  for (const impact of impacts) counts[impact]!++;
  let least = 256;
  let taken = 0;
  while (least > 1 && taken + counts[least - 1]! <= impacts.length * share) taken += counts[--least]!;
  return least;
}

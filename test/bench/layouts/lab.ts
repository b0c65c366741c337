/**
 * What the sections of the laboratory work on: a collection's lists in both orders, its records, its queries, and the
 * exact hits of each query. Made once for a collection; nothing here is simulated.
 */
import { ByteWriter } from "../../../shared/format/bytes.ts";
import { encodePostingList } from "../../../shared/format/posting-list.ts";
import { TopK } from "../../../shared/query/top-k.ts";
import type { BenchQuery, QuerySet } from "../collections/query-sets.ts";
import { type BenchCollection, openCollection, readQueries } from "../collections/read-collection.ts";
import { type InvertedLists, invert } from "../peers/inverted-lists.ts";
import { evenSteps } from "../peers/timing.ts";
import { clusteredOrder, givenOrder, ORDERS, type Order, reorderLists } from "./orders.ts";
import { encodeRecords, type Records } from "./records.ts";

/** Hits of a query, as many as an answer has by default. */
export const K = 10;

export interface LabQuery extends BenchQuery {
  readonly set: QuerySet;
  /** The exact best documents, as the collection numbers them, best first. */
  readonly hits: readonly number[];
  /** Score of the last of them; 1 where there are fewer than K. */
  readonly threshold: number;
}

export interface Lab {
  readonly name: string;
  readonly collection: BenchCollection;
  readonly documents: number;
  readonly postings: number;
  /** Impacts of 8 bits. */
  readonly lists: Readonly<Record<Order, InvertedLists>>;
  /** The document at each place. */
  readonly orders: Readonly<Record<Order, Uint32Array>>;
  /** In the given order. */
  readonly records: Records;
  readonly queries: Readonly<Record<QuerySet, readonly LabQuery[]>>;
}

export function openLab(name: string, documents: number | undefined, queriesPerSet: number): Lab {
  const collection = openCollection(name, documents);
  const given = invert(collection);
  const orders = {
    given: givenOrder(given.documents),
    clustered: clusteredOrder(given, collection.folder),
  };
  const queriesOf = (set: QuerySet): LabQuery[] => {
    const all = readQueries(name, set);
    return evenSteps(all.length, queriesPerSet).map((at) => ({
      set,
      ...all[at]!,
      ...exactHits(given, all[at]!),
    }));
  };
  return {
    name,
    collection,
    documents: given.documents,
    postings: given.ordinals.length,
    lists: { given, clustered: reorderLists(given, orders.clustered) },
    orders,
    records: encodeRecords(collection),
    queries: { short: queriesOf("short"), long: queriesOf("long") },
  };
}

/** Scores everything, as plainly as can be. */
export function exactHits(
  { documents, offsets, ordinals, impacts }: InvertedLists,
  { terms, weights }: BenchQuery,
  k = K,
): { hits: number[]; threshold: number } {
  const scores = new Int32Array(documents);
  terms.forEach((term, index) => {
    const weight = weights[index]!;
    for (let at = offsets[term]!; at < offsets[term + 1]!; at++)
      scores[ordinals[at]!]! += weight * impacts[at]!;
  });
  const top = new TopK(k);
  for (let ordinal = 0; ordinal < documents; ordinal++) {
    if (scores[ordinal]! >= top.threshold) top.offer(scores[ordinal]!, 0, ordinal);
  }
  return { hits: top.sorted().map(({ ordinal }) => ordinal), threshold: top.threshold };
}

/** Bytes of each term's list in format 2, by the real codec. */
export function listLengths({ documents, offsets, ordinals, impacts }: InvertedLists): Uint32Array {
  const lengths = new Uint32Array(offsets.length - 1);
  for (let term = 0; term < lengths.length; term++) {
    if (offsets[term] === offsets[term + 1]) continue;
    const writer = new ByteWriter(1024);
    encodePostingList(writer, ordinals, impacts, offsets[term]!, offsets[term + 1]!, documents);
    lengths[term] = writer.length;
  }
  return lengths;
}

export { ORDERS };

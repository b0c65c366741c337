/**
 * Bounds inside of lists: what could be left out if every block of ordinals had its largest impact stored, and if large
 * lists were cut into values by ordinals. Simulated with the exact threshold known beforehand, which no real search has:
 * what is left is the least that any such search must decode, or read.
 */
import { WINDOW_ORDINALS } from "../../../../shared/format/posting-list.ts";
import { QUERY_SETS, type QuerySet } from "../../collections/query-sets.ts";
import type { InvertedLists } from "../../peers/inverted-lists.ts";
import { type Lab, type LabQuery, listLengths, ORDERS } from "../lab.ts";
import { markdownTable } from "../markdown.ts";
import type { Order } from "../orders.ts";
import type { SectionReport } from "../section.ts";
import { meanOf } from "../statistics.ts";

const BLOCKS = [WINDOW_ORDINALS, 4096, 1024, 256, 64, 16];
/** Values that large lists would be cut into. */
const CUT_BYTES = 64 * 1024;
const CUT_BLOCK = 1024;
const MAX_QUERIES = 100;

export interface BoundsRow {
  readonly order: Order;
  readonly block: number | "list" | "values";
  /** Share of the postings, or of the values, that must be read. */
  readonly needed: Readonly<Record<QuerySet, number>>;
  /** Values of a query where lists are cut, those that are needed, and lists. */
  readonly values?: Readonly<Record<QuerySet, { cut: number; needed: number; lists: number }>>;
}

export function measureBounds(lab: Lab): SectionReport {
  const rows: BoundsRow[] = [];
  for (const order of ORDERS) {
    const lists = lab.lists[order];
    const lengths = listLengths(lists);
    const by = <Value>(of: (queries: readonly LabQuery[]) => Value) =>
      Object.fromEntries(
        QUERY_SETS.map((set) => [set, of(lab.queries[set].slice(0, MAX_QUERIES))]),
      ) as Record<QuerySet, Value>;
    rows.push({
      order,
      block: "list",
      needed: by((queries) => meanOf(queries.map((query) => essentialShare(lists, query)))),
    });
    for (const block of BLOCKS) {
      if (block >= lab.documents) continue;
      rows.push({
        order,
        block,
        needed: by((queries) => meanOf(queries.map((query) => neededShare(lists, query, block)))),
      });
    }
    const values = by((queries) => {
      const counts = queries.map((query) => cutValues(lists, lengths, query));
      return {
        cut: meanOf(counts.map(({ cut }) => cut)),
        needed: meanOf(counts.map(({ needed }) => needed)),
        lists: meanOf(queries.map(({ terms }) => terms.length)),
      };
    });
    const shares = QUERY_SETS.map((set) => [set, values[set].needed / values[set].cut]);
    rows.push({ order, block: "values", needed: Object.fromEntries(shares), values });
  }
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return {
    title: `Bounds: ${lab.name}, exact threshold known, first ${MAX_QUERIES} queries of a set`,
    text: [
      markdownTable(
        ["order", "bound of", "postings needed, short", "long"],
        rows
          .filter(({ block }) => block !== "values")
          .map(({ order, block, needed }) => [
            order,
            block === "list" ? "a list: essential lists" : `${block} ordinals`,
            percent(needed.short),
            percent(needed.long),
          ]),
        2,
      ),
      "",
      markdownTable(
        ["order", `lists cut at ${CUT_BYTES / 1024} KiB`, "values", "needed", "one value a list"],
        rows.flatMap(({ order, values }) =>
          values === undefined
            ? []
            : QUERY_SETS.map((set) => [
                order,
                set,
                values[set].cut.toFixed(2),
                values[set].needed.toFixed(2),
                values[set].lists.toFixed(2),
              ]),
        ),
        2,
      ),
    ].join("\n"),
    rows,
  };
}

/** Postings of the lists without which no document can reach the threshold, as MaxScore has them. */
function essentialShare(lists: InvertedLists, { terms, weights, threshold }: LabQuery): number {
  const bounded = terms.map((term, at) => ({
    postings: lists.offsets[term + 1]! - lists.offsets[term]!,
    bound:
      weights[at]! * lists.impacts.subarray(lists.offsets[term], lists.offsets[term + 1]).reduce(larger, 0),
  }));
  bounded.sort((a, b) => a.bound - b.bound);
  let sum = 0;
  let spared = 0;
  let all = 0;
  for (const { postings, bound } of bounded) {
    sum += bound;
    all += postings;
    if (sum < threshold) spared += postings;
  }
  return all === 0 ? 0 : 1 - spared / all;
}

function neededShare(lists: InvertedLists, query: LabQuery, block: number): number {
  const { bounds, counts } = blockBounds(lists, query, block);
  let needed = 0;
  let all = 0;
  for (let at = 0; at < bounds.length; at++) {
    all += counts[at]!;
    if (bounds[at]! >= query.threshold) needed += counts[at]!;
  }
  return all === 0 ? 0 : needed / all;
}

/** Of each block of ordinals: the sum of its lists' largest contributions, and postings. */
function blockBounds(
  { documents, offsets, ordinals, impacts }: InvertedLists,
  { terms, weights }: LabQuery,
  block: number,
): { bounds: Float64Array; counts: Uint32Array } {
  const bounds = new Float64Array(Math.ceil(documents / block));
  const counts = new Uint32Array(bounds.length);
  terms.forEach((term, index) => {
    let current = -1;
    let most = 0;
    for (let at = offsets[term]!; at < offsets[term + 1]!; at++) {
      const own = Math.floor(ordinals[at]! / block);
      if (own !== current) {
        if (current >= 0) bounds[current]! += weights[index]! * most;
        current = own;
        most = 0;
      }
      most = Math.max(most, impacts[at]!);
      counts[own]!++;
    }
    if (current >= 0) bounds[current]! += weights[index]! * most;
  });
  return { bounds, counts };
}

/** Values of the query's lists if each were cut at even numbers of postings into values of CUT_BYTES. */
function cutValues(
  lists: InvertedLists,
  lengths: Uint32Array,
  query: LabQuery,
): { cut: number; needed: number } {
  const { bounds } = blockBounds(lists, query, CUT_BLOCK);
  let cut = 0;
  let needed = 0;
  for (const term of query.terms) {
    const [start, end] = [lists.offsets[term]!, lists.offsets[term + 1]!];
    const parts = Math.max(1, Math.ceil(lengths[term]! / CUT_BYTES));
    cut += parts;
    for (let part = 0; part < parts; part++) {
      const from = start + Math.floor(((end - start) * part) / parts);
      const to = start + Math.floor(((end - start) * (part + 1)) / parts);
      for (let at = from; at < to; at++) {
        if (bounds[Math.floor(lists.ordinals[at]! / CUT_BLOCK)]! < query.threshold) continue;
        needed++;
        break;
      }
    }
  }
  return { cut, needed };
}

function larger(most: number, each: number): number {
  return Math.max(most, each);
}

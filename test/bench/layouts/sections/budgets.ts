/**
 * Budgets: a query that reads only the lists that can add most. What relevance is left, and how many of the exact ten
 * hits, on lists of the given order. Posting reads are lists here; packed ones share some.
 */
import { QUERY_SETS } from "../../collections/query-sets.ts";
import { highestLists, JUDGED, openJudged } from "../judged.ts";
import { exactHits, type Lab } from "../lab.ts";
import { markdownTable } from "../markdown.ts";
import type { SectionReport } from "../section.ts";
import { meanOf } from "../statistics.ts";

const BUDGETS = [Number.POSITIVE_INFINITY, 14, 10, 8, 6, 4];

export async function measureBudgets(labs: readonly Lab[]): Promise<SectionReport> {
  const judged = await Promise.all(JUDGED.map(openJudged));
  const columns = labs.flatMap((lab) => QUERY_SETS.map((set) => ({ lab, set, name: `${lab.name} ${set}` })));
  const rows = BUDGETS.map((budget) => ({
    lists: budget === Number.POSITIVE_INFINITY ? null : budget,
    ndcg: Object.fromEntries(
      judged.map(({ name, collection, ndcg }) => [
        name,
        ndcg(collection.impacts, (query, lists) => highestLists(query, lists, budget)),
      ]),
    ),
    kept: Object.fromEntries(columns.map(({ lab, set, name }) => [name, keptHits(lab, set, budget)])),
  }));
  return {
    title: "Budgets of lists",
    text: markdownTable(
      [
        "lists at most",
        ...judged.map(({ name }) => `NDCG@10 ${name}`),
        ...columns.map(({ name }) => `exact hits, ${name}`),
      ],
      rows.map(({ lists, ndcg, kept }) => [
        lists ?? "all",
        ...judged.map(({ name }) => ndcg[name]!.toFixed(4)),
        ...columns.map(({ name }) => kept[name]!.toFixed(3)),
      ]),
    ),
    rows,
  };
}

/** Mean share of the exact hits that are among those found. */
function keptHits({ queries, lists }: Lab, set: keyof Lab["queries"], budget: number): number {
  return meanOf(
    queries[set].map((query) => {
      if (query.terms.length <= budget || query.hits.length === 0) return 1;
      const found = new Set(exactHits(lists.given, highestLists(query, lists.given, budget)).hits);
      return query.hits.filter((hit) => found.has(hit)).length / query.hits.length;
    }),
  );
}

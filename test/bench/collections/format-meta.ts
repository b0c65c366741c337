/** What is known of a collection, as text for a terminal. */
import { formatCount, formatTable } from "../../../batch/inspect/table.ts";
import type { CollectionMeta } from "./read-collection.ts";

export function formatMeta(meta: CollectionMeta): string {
  const { statistics } = meta;
  const sets = Object.keys(statistics.queries);
  const lines = [
    `${meta.name}: ${formatCount(meta.documents)} of ${formatCount(meta.sourceDocuments)} documents (${meta.madeOf})`,
    `model ${meta.model.name} ${meta.model.fingerprint}`,
    `${formatCount(statistics.postings)} postings, ${statistics.postingsPerDocument.toFixed(1)} a document, ${formatCount(statistics.lists)} lists; ${statistics.ownTermsPerDocument.toFixed(1)} own terms a document`,
    `${meta.clipped} weights clipped, ${meta.dropped} rounded to nothing; ${formatCount(Object.values(meta.bytes).reduce((sum, each) => sum + each, 0))} bytes`,
    ...Object.entries(statistics.queries).map(
      ([set, { queries, termsMean, postingsPerDocumentMean, postingsP50, postingsP99 }]) =>
        `${set}: ${queries} queries, ${termsMean.toFixed(1)} terms; postings of their lists ${postingsPerDocumentMean.toFixed(3)} N, p50 ${formatCount(postingsP50)}, p99 ${formatCount(postingsP99)}`,
    ),
  ];
  const columns = ["lists of at least", "lists", "postings", ...sets.map((set) => `${set} terms`)].map(
    (name) => ({
      name,
      isNumber: true,
    }),
  );
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const rows = statistics.densities.map(({ from, lists, postings, queryTerms }) => [
    from === 0 ? "fewer" : `N/${1 / from}`,
    formatCount(lists),
    percent(postings),
    ...sets.map((set) => percent(queryTerms[set]!)),
  ]);
  return [...lines, "", formatTable(columns, rows)].join("\n");
}

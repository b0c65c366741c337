/**
 * Evaluations as one HTML page that needs nothing else: no script, no request. Enters: records. Leaves: a table and, for
 * each collection, relevance against what it costs. All text that comes from records is escaped.
 */
import { html, raw } from "hono/html";
import { type EvalRecord, labelRecord, postingBytesPerDocument } from "./eval-record.ts";
import type { ChartPoint, DrawChart } from "./report-chart.ts";

interface Cost {
  readonly label: string;
  readonly of: (record: EvalRecord) => number | null;
}

const COSTS: readonly Cost[] = [
  { label: "FLOPS (multiplications a query and document)", of: ({ flops }) => flops ?? null },
  { label: "bytes of posting lists a document", of: postingBytesPerDocument },
  { label: "bytes that a query reads", of: ({ bytesPerQuery }) => bytesPerQuery ?? null },
];

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
.charts { display: flex; flex-wrap: wrap; gap: 1.5rem; }
.table { overflow-x: auto; }
footer { margin-top: 2rem; color: #555; }`;

/** @returns a whole document */
export async function renderReport(records: readonly EvalRecord[], draw: DrawChart): Promise<string> {
  const collections = [...new Set(records.map(({ collection }) => collection))];
  const sections = collections.map((collection) =>
    renderCollection(
      collection,
      records.filter((record) => record.collection === collection),
      draw,
    ),
  );
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Lzero evaluation</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<h1>Evaluation</h1>
${sections}
<footer>NDCG@10, Recall@100 and MRR@10 as trec_eval defines them, means over the judged queries. FLOPS is Σ p_q(j) · p_d(j)
over the vocabulary. Whether two rows differ by more than chance is what <code>lzero compare</code> says.</footer>
</body>
</html>
`;
  return String(page);
}

function renderCollection(collection: string, records: readonly EvalRecord[], draw: DrawChart) {
  const charts = COSTS.flatMap((cost) => {
    const points = records.flatMap((record): ChartPoint[] => {
      const x = cost.of(record);
      return x === null ? [] : [{ label: labelRecord(record), x, y: record["ndcg@10"] }];
    });
    // The drawer's output is markup of its own, escaped there.
    return points.length === 0 ? [] : [html`<figure>${raw(draw(points, cost.label, "NDCG@10"))}</figure>`];
  });
  return html`<section>
<h2>${collection}</h2>
<div class="table"><table>
<thead><tr>${COLUMNS.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${records.map((record) => html`<tr>${COLUMNS.map(({ cell }) => html`<td>${cell(record)}</td>`)}</tr>\n`)}
</tbody>
</table></div>
<div class="charts">${charts}</div>
</section>
`;
}

const COLUMNS: readonly { readonly name: string; readonly cell: (record: EvalRecord) => string }[] = [
  { name: "encoder", cell: labelRecord },
  { name: "NDCG@10", cell: (record) => record["ndcg@10"].toFixed(4) },
  { name: "Recall@100", cell: (record) => record["recall@100"].toFixed(4) },
  { name: "MRR@10", cell: (record) => record["mrr@10"].toFixed(4) },
  { name: "queries", cell: ({ queries }) => String(queries) },
  { name: "documents", cell: ({ documents }) => fixed(documents, 0) },
  { name: "Doc_Len", cell: ({ docLen }) => fixed(docLen, 1) },
  { name: "query terms", cell: ({ queryTerms }) => fixed(queryTerms, 1) },
  { name: "FLOPS", cell: ({ flops }) => fixed(flops, 3) },
  { name: "posting bytes/document", cell: (record) => fixed(postingBytesPerDocument(record), 1) },
  { name: "reads/query", cell: ({ readsPerQuery }) => fixed(readsPerQuery, 1) },
  { name: "KiB/query", cell: ({ bytesPerQuery }) => fixed(bytesPerQuery && bytesPerQuery / 1024, 1) },
  { name: "model", cell: ({ fingerprint }) => fingerprint?.slice(0, 8) ?? "–" },
];

function fixed(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, describe, expect, it } from "vitest";
import { type EvalRecord, readEvalRecords } from "../../../../batch/eval/eval-record.ts";
import { renderReport } from "../../../../batch/eval/html-report.ts";
import { openChartDrawer } from "../../../../batch/eval/report-chart.ts";

const HOSTILE = `</text><script>alert("x")</script><img src=x onerror='alert(1)'>&amp;`;

function record(changes: Partial<EvalRecord> = {}): EvalRecord {
  return {
    collection: "scifact",
    encoder: "tiny",
    idf: "model",
    queries: 300,
    "ndcg@10": 0.6312,
    "recall@100": 0.9,
    "mrr@10": 0.6,
    documents: 5183,
    docLen: 150,
    flops: 2.5,
    queryTerms: 19,
    bytesPerPosting: 2,
    readsPerQuery: 21,
    bytesPerQuery: 2048,
    fingerprint: "0123456789abcdef0123456789abcdef",
    ...changes,
  };
}

const draw = await openChartDrawer();
const folder = mkdtempSync(join(tmpdir(), "lzero-report-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function render(...records: EvalRecord[]) {
  const page = await renderReport(records, draw);
  return { page, document: parseHTML(page).document };
}

describe("renderReport", () => {
  it("draws relevance against FLOPS and bytes, a dot a record, and the figures in a table", async () => {
    const { document } = await render(record(), record({ encoder: "bm25", flops: 1.5, "ndcg@10": 0.6714 }));
    const charts = [...document.querySelectorAll("svg")];
    expect(charts.map((chart) => chart.getAttribute("aria-label"))).toEqual([
      "NDCG@10 against FLOPS (multiplications a query and document)",
      "NDCG@10 against bytes of posting lists a document",
      "NDCG@10 against bytes that a query reads",
    ]);
    for (const chart of charts) expect(chart.querySelectorAll("circle")).toHaveLength(2);
    expect(charts[0]!.textContent).toContain("bm25, model IDF: 0.6714 at 1.500");
    const cells = [...document.querySelectorAll("tbody tr")].map((row) =>
      [...row.querySelectorAll("td")].map((cell) => cell.textContent),
    );
    expect(cells[0]).toEqual([
      ...["tiny, model IDF", "0.6312", "0.9000", "0.6000", "300", "5183", "150.0", "19.0", "2.500", "300.0"],
      ...["21.0", "2.0", "01234567"],
    ]);
    expect(cells).toHaveLength(2);
  });

  it("needs nothing else and runs nothing", async () => {
    const { page, document } = await render(record());
    expect(document.querySelectorAll("script, link, img, iframe, object")).toHaveLength(0);
    expect(page).not.toMatch(/(?:src|href)=|url\(|@import/);
    expect(page).toContain("default-src 'none'");
  });

  it("escapes every text of a record, in the table and in the charts", async () => {
    const hostile = { collection: HOSTILE, encoder: HOSTILE, idf: HOSTILE, fingerprint: "<b>bold" };
    const { page, document } = await render(
      record(hostile),
      record({ ...hostile, "ndcg@10": 0.5, idf: null }),
    );
    expect(document.querySelectorAll("script, img, b")).toHaveLength(0);
    expect(page).not.toMatch(/<(?:script|img|b)\b/);
    expect(document.querySelector("h2")!.textContent).toBe(HOSTILE);
    const labels = [...document.querySelectorAll("svg text")].map((text) => text.textContent);
    expect(labels).toContain(HOSTILE);
  });

  it("keeps collections apart and shows a run without costs in the table alone", async () => {
    const bare = {
      collection: "squad",
      encoder: "elsewhere.trec",
      idf: null,
      queries: 3,
      "ndcg@10": 0.7,
      "recall@100": 1,
      "mrr@10": 0.7,
    };
    const { document } = await render(record(), bare);
    const sections = [...document.querySelectorAll("section")];
    expect(sections.map((section) => section.querySelector("h2")!.textContent)).toEqual(["scifact", "squad"]);
    expect(sections.map((section) => section.querySelectorAll("svg").length)).toEqual([3, 0]);
    expect(sections[1]!.textContent).toContain("0.7000");
  });
});

describe("readEvalRecords", () => {
  it("reads one result or several", async () => {
    const path = join(folder, "one.json");
    writeFileSync(path, JSON.stringify(record()));
    expect(await readEvalRecords(path)).toEqual([record()]);
    writeFileSync(path, JSON.stringify([record(), record({ idf: "corpus" })]));
    expect(await readEvalRecords(path)).toHaveLength(2);
  });

  it.each(["not JSON", "{}", '{"encoder": "x", "idf": "model", "queries": 1, "ndcg@10": "high"}'])(
    "refuses %s",
    async (content) => {
      const path = join(folder, "bad.json");
      writeFileSync(path, content);
      await expect(readEvalRecords(path)).rejects.toMatchObject({
        code: "eval_record_invalid",
        details: { path },
      });
    },
  );
});

/** The evaluation commands over a collection of four documents, by BM25 except where the encode cache is tested. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCompare } from "../../../../batch/commands/compare.ts";
import { type EvalOptions, runEval } from "../../../../batch/commands/eval.ts";
import { IDF_MODES } from "../../../../shared/model/idf.ts";
import { buildOnnxWorker, COMMITTED_MODEL } from "../../../support/onnx-worker.ts";

const folder = mkdtempSync(join(tmpdir(), "lzero-eval-"));
const data = join(folder, "spiders");
const DOCUMENTS = [
  "red spiders in a web",
  "a whale in the sea",
  "the fear of spiders",
  "the sea and the fear",
];
const QUERIES = { q1: "fear of spiders", q2: "whale", q3: "red web" };

beforeAll(() => {
  mkdirSync(join(data, "qrels"), { recursive: true });
  const jsonLines = (records: readonly object[]) =>
    records.map((record) => `${JSON.stringify(record)}\n`).join("");
  writeFileSync(
    join(data, "corpus.jsonl"),
    jsonLines(DOCUMENTS.map((text, at) => ({ _id: `d${at}`, title: "", text }))),
  );
  writeFileSync(
    join(data, "queries.jsonl"),
    jsonLines(Object.entries(QUERIES).map(([id, text]) => ({ _id: id, text }))),
  );
  writeFileSync(
    join(data, "qrels/test.tsv"),
    "query-id\tcorpus-id\tscore\nq1\td2\t1\nq2\td1\t1\nq3\td0\t1\n",
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

async function evaluate(options: Partial<EvalOptions>): Promise<string> {
  const printed: string[] = [];
  await runEval(
    { encoder: "bm25", idf: "model", split: "test", ...options },
    { print: (text) => printed.push(text) },
  );
  return printed.join("\n");
}

describe("lzero eval", () => {
  it("writes a run with the engine's integer scores, and the run gives the same metrics again", async () => {
    const run = join(folder, "bm25.trec");
    const json = join(folder, "bm25.json");
    await evaluate({ data, run, json });
    const figures = JSON.parse(readFileSync(json, "utf8"));
    expect(figures).toMatchObject({
      collection: "spiders",
      encoder: "bm25",
      idf: "model",
      queries: 3,
      documents: 4,
    });
    expect(figures["ndcg@10"]).toBe(1);
    expect(figures.indexBytes).toBeGreaterThan(0);
    expect(figures.bytesPerQuery).toBeGreaterThan(0);
    const lines = readFileSync(run, "utf8").trim().split("\n");
    const scores = lines.filter((line) => line.startsWith("q1 ")).map((line) => Number(line.split(" ")[4]));
    expect(lines[0]).toMatch(/^q1 Q0 d2 1 \d+ bm25$/);
    expect(scores.every(Number.isInteger)).toBe(true);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(scores[0]! - scores[1]!).toBeGreaterThan(1);

    const again = join(folder, "again.json");
    expect(await evaluate({ data, fromRun: run, json: again })).toContain("3 queries");
    expect(JSON.parse(readFileSync(again, "utf8"))).toEqual({
      ...{ collection: "spiders", encoder: "bm25.trec", idf: null, queries: 3 },
      ...{ "ndcg@10": 1, "recall@100": 1, "mrr@10": 1 },
    });
  });

  it("encodes nothing again that the encode cache has, and says so", async () => {
    const encodeCache = join(folder, "vectors");
    const workerUrl = await buildOnnxWorker();
    const figures: Record<string, unknown>[] = [];
    for (const round of [0, 1, 2]) {
      const json = join(folder, `cached-${round}.json`);
      const options = { data, encoder: COMMITTED_MODEL, idf: "model", split: "test", json } as const;
      const printed: string[] = [];
      const ports = { print: (text: string) => printed.push(text), workerUrl };
      await runEval({ ...options, encodeCache: round === 2 ? false : encodeCache }, ports);
      expect(printed[0]!.includes("vectors of 4 from")).toBe(round === 1);
      figures.push({ ...JSON.parse(readFileSync(json, "utf8")), documentsPerSecond: 0 });
    }
    expect(figures[1]).toEqual({ ...figures[0], cached: 4 });
    expect(figures[2]).toEqual(figures[0]);
  });

  it("writes a run for each IDF", async () => {
    await evaluate({ data, idf: "all", run: join(folder, "all.trec") });
    const runs = IDF_MODES.map((idf) => readFileSync(join(folder, `all-${idf}.trec`), "utf8"));
    expect(new Set(runs).size).toBe(IDF_MODES.length);
  });

  it("writes a report of these figures and earlier ones, or of earlier ones alone", async () => {
    const json = join(folder, "earlier.json");
    const page = join(folder, "report.html");
    await evaluate({ data, idf: "corpus", json });
    await evaluate({ data, html: page, with: [json] });
    const report = readFileSync(page, "utf8");
    expect(report).toContain("bm25, corpus IDF");
    expect(report).toContain("bm25, model IDF");
    await evaluate({ html: page, with: [json] });
    expect(readFileSync(page, "utf8")).not.toContain("bm25, model IDF");
  });

  it.each([
    [{}, /--data/],
    [{ with: ["a.json"], data: "x" }, /--html/],
  ])("says what an option needs: %j", async (options, message) => {
    await expect(evaluate(options)).rejects.toMatchObject({
      code: "eval_options_invalid",
      message: expect.stringMatching(message),
    });
  });
});

describe("lzero compare", () => {
  it("tests one run against another, as text and as JSON", async () => {
    const a = join(folder, "a.trec");
    const b = join(folder, "b.trec");
    writeFileSync(a, "q1 Q0 d2 1 9 a\nq2 Q0 d1 1 9 a\nq3 Q0 d0 1 9 a\n");
    writeFileSync(b, "q1 Q0 d2 1 9 b\nq2 Q0 d0 1 9 b\nq2 Q0 d1 2 8 b\nq3 Q0 d9 1 9 b\n");
    const options = { data, split: "test", permutations: 10_000, seed: 1 };
    const printed: string[] = [];
    await runCompare(a, b, options, (text) => printed.push(text));
    expect(printed[0]).toMatch(/mrr@10 +1\.0000 +0\.5000 +\+0\.5000 +0\.5000 +2 +1 +0/);
    await runCompare(a, b, { ...options, json: true }, (text) => printed.push(text));
    const result = JSON.parse(printed[1]!);
    expect(result).toMatchObject({ queries: 3, missingInA: 0, missingInB: 0, runA: a });
    expect(result.metrics.map(({ metric }: { metric: string }) => metric)).toEqual([
      "ndcg@10",
      "recall@100",
      "mrr@10",
    ]);
  });
});

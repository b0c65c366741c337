import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openEncoder } from "../../../../batch/encoders/open-encoder.ts";
import { readCollection, sampleQueries } from "../../../../batch/eval/beir.ts";
import { evaluate } from "../../../../batch/eval/evaluate.ts";
import { IDF_MODES } from "../../../../shared/model/idf.ts";
import { describeWithShared, sharedPath } from "../../../support/shared-data.ts";

let folder: string;

function writeCollection(qrels: string): void {
  folder = mkdtempSync(join(tmpdir(), "lzero-eval-"));
  mkdirSync(join(folder, "qrels"));
  const documents = [
    { _id: "d1", title: "Arachnology", text: "the study of spiders and scorpions" },
    { _id: "d2", title: "", text: "a ship that carries grain over the sea" },
    { _id: "d3", title: "Sailing", text: "how to steer a ship in a storm" },
  ];
  const queries = [
    { _id: "q1", text: "spiders" },
    { _id: "q2", text: "ship storm" },
    { _id: "q3", text: "not judged" },
  ];
  const lines = (records: readonly object[]) =>
    records.map((record) => `${JSON.stringify(record)}\n`).join("");
  writeFileSync(join(folder, "corpus.jsonl"), lines(documents));
  writeFileSync(join(folder, "queries.jsonl"), lines(queries));
  writeFileSync(join(folder, "qrels", "test.tsv"), qrels);
}

describe("evaluate", () => {
  beforeAll(() => writeCollection("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td3\t2\nq2\td2\t1\n"));

  it("returns figures that can be checked by hand, for every IDF", async () => {
    const { encoder, tokenizer, files } = await openEncoder("bm25", { averageLength: () => 8 });
    const collection = await readCollection(folder, "test");
    const model = { encoder, tokenizer, vocabulary: files.vocabulary, idf: files.idf };
    const { rows, runs, documents } = await evaluate(collection, model, IDF_MODES, () => {});
    expect(documents).toBe(3);
    expect(rows.map(({ idf }) => idf)).toEqual([...IDF_MODES]);
    for (const row of rows) {
      expect(row).toMatchObject({ "ndcg@10": 1, "recall@100": 1, "mrr@10": 1, queries: 2 });
      expect(row.fingerprint).toBe(encoder.manifest.fingerprint);
      // "spiders" is one document of three; "ship" two, "storm" one: (1 + 2 + 1) / (2 queries · 3 documents)
      expect(row.flops).toBeCloseTo(4 / 6, 10);
      expect(row.queryTerms).toBe(1.5);
    }
    expect([...runs[0]!.keys()]).toEqual(["q1", "q2"]);
  });
});

describe("readCollection", () => {
  it("refuses a broken judgement with its line", async () => {
    writeCollection("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td3\n");
    await expect(readCollection(folder, "test")).rejects.toMatchObject({
      code: "collection_invalid",
      details: { line: 3 },
    });
  });

  it("refuses a judged query that is not there, and a split that is not there", async () => {
    writeCollection("q9\td1\t1\n");
    await expect(readCollection(folder, "test")).rejects.toMatchObject({ details: { query: "q9" } });
    await expect(readCollection(folder, "dev")).rejects.toMatchObject({ code: "collection_invalid" });
  });

  it("samples queries at even steps, with their judgements alone", async () => {
    writeCollection("q1\td1\t1\nq2\td3\t1\nq3\td1\t1\n");
    const sample = sampleQueries(await readCollection(folder, "test"), 2);
    expect(sample.queries.map(({ id }) => id)).toEqual(["q1", "q2"]);
    expect([...sample.qrels.keys()]).toEqual(["q1", "q2"]);
  });
});

describeWithShared("evaluate on cranfield", ["data/cranfield/corpus.jsonl.gz"], () => {
  it("gives BM25 the figure that was measured outside (.336)", async () => {
    const collection = await readCollection(sharedPath("data", "cranfield"), "test");
    const { encoder, tokenizer, files } = await openEncoder("bm25", { averageLength: () => 181 });
    const model = { encoder, tokenizer, vocabulary: files.vocabulary, idf: files.idf };
    const { rows } = await evaluate(collection, model, ["corpus"], () => {});
    expect(rows[0]!["ndcg@10"]).toBeGreaterThan(0.334);
    expect(rows[0]!["ndcg@10"]).toBeLessThan(0.338);
  });
});

/**
 * What quantization costs in relevance: the same document vectors scored in floats (weights and IDF as they are) and
 * through the index (8-bit impacts, integer IDF, integer scores), on a BEIR collection.
 *
 *     npm run bench -- quantization --data ../shared/data/scifact
 */
import { basename } from "node:path";
import { performance } from "node:perf_hooks";
import type { EncodedDocument } from "../../batch/encoders/encoder.ts";
import { DEFAULT_MODEL, openEncoder } from "../../batch/encoders/open-encoder.ts";
import { readCollection } from "../../batch/eval/beir.ts";
import { evaluate } from "../../batch/eval/evaluate.ts";
import { evaluateRun } from "../../batch/eval/metrics.ts";
import { formatTable } from "../../batch/inspect/table.ts";
import { encodedText } from "../../shared/messages/document.ts";
import { idfTable } from "../../shared/model/idf.ts";
import { encodeQuery, optionalBelow } from "../../shared/query/query-vector.ts";
import { sharedPath } from "../support/shared-data.ts";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "./benchmark.ts";

const DEPTH = 100;

export const benchmark: Benchmark = {
  options: {
    data: "a collection in BEIR's layout (the reference data's scifact)",
    model: `a model's name or folder (${DEFAULT_MODEL})`,
  },
  run: benchQuantization,
};

/** Ranks every document by the float inner product; ties by the order of documents, as the index has them. */
function rankInFloats(
  documents: readonly EncodedDocument[],
  terms: readonly number[],
  idf: Float32Array,
): number[] {
  const scores = new Float64Array(documents.length);
  documents.forEach(({ termIds, weights }, at) => {
    const weightOf = new Map(Array.from(termIds, (id, i) => [id, weights[i]!]));
    for (const term of terms) scores[at]! += idf[term]! * (weightOf.get(term) ?? 0);
  });
  return Array.from(scores.keys())
    .filter((at) => scores[at]! > 0)
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .slice(0, DEPTH);
}

async function benchQuantization({ data: folder, model }: BenchmarkOptions): Promise<BenchmarkReport> {
  const name = model ?? DEFAULT_MODEL;
  const data = folder ?? sharedPath("data", "scifact");
  const collection = await readCollection(data, "test");
  const { encoder, tokenizer, files } = await openEncoder(name);
  try {
    const texts = collection.documents.map((document) => encodedText(document, ["title", "text"]));
    const startedMs = performance.now();
    const encoded = (await encoder.encode(texts)).map((result) => {
      if (result instanceof Error) throw result;
      return result;
    });
    console.error(`encoded in ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
    const remembering = {
      ...encoder,
      manifest: encoder.manifest,
      close: () => encoder.close(),
      encode: recall(texts, encoded),
    };
    const model = { encoder: remembering, tokenizer, vocabulary: files.vocabulary, idf: files.idf };
    const { rows } = await evaluate(collection, model, ["model", "blend"], () => {});

    const textFrequencies = new Uint32Array(files.idf.length);
    for (const { ownTermIds } of encoded) for (const id of ownTermIds) textFrequencies[id]!++;
    const corpus = { documents: encoded.length, textFrequencies };
    const optionalTokens = optionalBelow(files.idf, encoder.manifest.identity.queryIdfFloor);
    const losses = rows.map((row) => {
      const idf = idfTable(row.idf, files.idf, corpus);
      const run = new Map(
        collection.queries.map(({ id, text }) => {
          const { termIds } = encodeQuery(text, tokenizer, { idf, optionalTokens });
          const ranking = rankInFloats(encoded, [...termIds], idf);
          return [id, ranking.map((at) => collection.documents[at]!.id)];
        }),
      );
      const float = evaluateRun(collection.qrels, run)["ndcg@10"];
      return { idf: row.idf, float, served: row["ndcg@10"], loss: float - row["ndcg@10"] };
    });
    const number = (column: string) => ({ name: column, isNumber: true });
    const columns = [{ name: "IDF" }, ...["in floats", "as served", "lost"].map(number)];
    return {
      table: formatTable(
        columns,
        losses.map(({ idf, float, served, loss }) => [
          idf,
          ...[float, served, loss].map((value) => value.toFixed(4)),
        ]),
      ),
      result: { input: { collection: basename(data), documents: texts.length, model: name }, rows: losses },
    };
  } finally {
    await encoder.close();
  }
}

/** An encoder that answers from what was encoded before, in order. */
function recall(texts: readonly string[], encoded: readonly EncodedDocument[]) {
  const known = new Map(texts.map((text, at) => [text, encoded[at]!]));
  return async (wanted: readonly string[]) =>
    wanted.map((text) => known.get(text) ?? new Error("not encoded"));
}

/** `lzero eval`: relevance and cost of an encoder on a test collection in BEIR's layout. */
import { writeFile } from "node:fs/promises";
import { SingleBar } from "cli-progress";
import { type Command, InvalidArgumentError, Option } from "commander";
import { encodedText } from "../../shared/messages/document.ts";
import { IDF_MODES, type IdfMode } from "../../shared/model/idf.ts";
import { measureAverageLength } from "../encoders/bm25-encoder.ts";
import { DEFAULT_MODEL, openEncoder } from "../encoders/open-encoder.ts";
import { readCollection, sampleQueries } from "../eval/beir.ts";
import { type EvalProgress, type EvalResult, type EvalRow, evaluate } from "../eval/evaluate.ts";

interface EvalOptions {
  readonly data: string;
  readonly encoder: string;
  readonly idf: IdfMode | "all";
  readonly split: string;
  readonly queries?: number;
  readonly threads?: number;
  readonly json?: string;
  readonly run?: string;
}

export function register(program: Command): void {
  program
    .command("eval")
    .summary("measure relevance and cost on a test collection")
    .description(
      "Encodes and publishes a test collection in BEIR's layout (corpus.jsonl[.gz], queries.jsonl[.gz], qrels/test.tsv) in memory, through the code that production runs, and prints NDCG@10, Recall@100, MRR@10 and what it costs.",
    )
    .requiredOption("--data <dir>", "folder of the collection")
    .option("--encoder <name>", "bm25, a model's name or its folder", DEFAULT_MODEL)
    .addOption(new Option("--idf <mode>", "IDF of queries").choices([...IDF_MODES, "all"]).default("model"))
    .option("--split <name>", "judgements to use: qrels/<name>.tsv", "test")
    .option("--queries <n>", "evaluate on so many queries, at even steps through the file", parseCount)
    .option("--threads <n>", "threads of the encoder", parseCount)
    .option("--json <file>", "write the figures as JSON (an array when --idf is all)")
    .option("--run <file>", "write the rankings as a TREC run file (the last IDF's)")
    .addHelpText(
      "after",
      `
Examples:
  $ lzero eval --data ./scifact
  $ lzero eval --data ./scifact --encoder bm25 --idf corpus --json bm25.json
  $ lzero eval --data ./squad --idf all --queries 2000`,
    )
    .action((options: EvalOptions) => run(options));
}

async function run(options: EvalOptions): Promise<void> {
  const whole = await readCollection(options.data, options.split);
  const collection = options.queries === undefined ? whole : sampleQueries(whole, options.queries);
  const { encoder, tokenizer, files } = await openEncoder(options.encoder, {
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    averageLength: (tokenizer) =>
      measureAverageLength(
        tokenizer,
        collection.documents.slice(0, 1000).map((document) => encodedText(document, ["title", "text"])),
      ),
  });
  const progress = new StageBars();
  try {
    const modes: readonly IdfMode[] = options.idf === "all" ? IDF_MODES : [options.idf];
    const model = { encoder, tokenizer, vocabulary: files.vocabulary, idf: files.idf };
    const result = await evaluate(collection, model, modes, (at) => progress.update(at));
    progress.stop();
    print(options, result);
    if (options.json !== undefined) {
      const rows = result.rows.map((row) => describeRow(options, result, row));
      await writeFile(options.json, `${JSON.stringify(rows.length === 1 ? rows[0] : rows, null, 2)}\n`);
    }
    if (options.run !== undefined) await writeFile(options.run, trecRun(result, encoder.manifest.name));
  } finally {
    progress.stop();
    await encoder.close();
  }
}

function describeRow(options: EvalOptions, result: EvalResult, row: EvalRow): object {
  return {
    encoder: options.encoder,
    ...row,
    documents: result.documents,
    documentsPerSecond: result.documentsPerSecond,
    truncated: result.truncated,
    clipped: result.clipped,
  };
}

function print(options: EvalOptions, result: EvalResult): void {
  const { documents, rows, documentsPerSecond, truncated } = result;
  console.log(
    `${options.encoder} on ${options.data}: ${documents} documents (${truncated} longer than the model reads), ${rows[0]?.queries} queries, ${documentsPerSecond.toFixed(0)} documents/s to published`,
  );
  console.table(
    Object.fromEntries(
      rows.map((row) => [
        row.idf,
        {
          "NDCG@10": row["ndcg@10"].toFixed(4),
          "Recall@100": row["recall@100"].toFixed(4),
          "MRR@10": row["mrr@10"].toFixed(4),
          Doc_Len: row.docLen.toFixed(1),
          "query terms": row.queryTerms.toFixed(1),
          FLOPS: row.flops.toFixed(2),
          "bytes/posting": row.bytesPerPosting.toFixed(2),
        },
      ]),
    ),
  );
}

/** The last row's rankings in the form of trec_eval: query, Q0, document, rank, score, tag. */
function trecRun(result: EvalResult, tag: string): string {
  const lines: string[] = [];
  for (const [query, ranking] of result.runs.at(-1) ?? []) {
    ranking.forEach((document, at) => {
      lines.push(`${query} Q0 ${document} ${at + 1} ${1000 - at} ${tag}\n`);
    });
  }
  return lines.join("");
}

/** One progress bar after another on standard error; nothing where that is no terminal. */
class StageBars {
  #bar: SingleBar | null = null;
  #stage: EvalProgress["stage"] | null = null;

  update({ stage, done, total }: EvalProgress): void {
    if (!process.stderr.isTTY) return;
    if (stage !== this.#stage) {
      this.stop();
      this.#stage = stage;
      this.#bar = new SingleBar({
        format: `${stage.padEnd(7)} {bar} {percentage}% | {value}/{total} | {eta_formatted}`,
        stream: process.stderr,
        hideCursor: true,
      });
      this.#bar.start(total, 0);
    }
    this.#bar?.update(done);
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}

function parseCount(value: string): number {
  const count = Number(value);
  if (!Number.isInteger(count) || count < 1)
    throw new InvalidArgumentError("must be an integer of at least 1");
  return count;
}

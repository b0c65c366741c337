/**
 * `lzero eval`: relevance and cost of an encoder on a test collection in BEIR's layout; also the metrics of a run from
 * elsewhere, and a report over several results.
 */
import { writeFile } from "node:fs/promises";
import { basename, extname, resolve } from "node:path";
import { SingleBar } from "cli-progress";
import { type Command, Option } from "commander";
import { LzeroError } from "../../shared/errors.ts";
import { encodedText } from "../../shared/messages/document.ts";
import { IDF_MODES, type IdfMode } from "../../shared/model/idf.ts";
import { measureAverageLength } from "../encoders/bm25-encoder.ts";
import { CachingEncoder, cacheEncoder, ENCODE_CACHE_VARIABLE } from "../encoders/encode-cache.ts";
import { DEFAULT_MODEL, openEncoder } from "../encoders/open-encoder.ts";
import { readCollection, readJudgements, sampleQueries } from "../eval/beir.ts";
import { type EvalRecord, postingBytesPerDocument, readEvalRecords } from "../eval/eval-record.ts";
import { type EvalProgress, type EvalResult, evaluate } from "../eval/evaluate.ts";
import { renderReport } from "../eval/html-report.ts";
import { evaluateRun } from "../eval/metrics.ts";
import { openChartDrawer } from "../eval/report-chart.ts";
import { encodeRun, rankingsOf, readRun } from "../eval/trec-run.ts";
import { type Column, formatTable } from "../inspect/table.ts";
import { createLogger } from "../logging.ts";
import { parseCount } from "./dev.ts";
import { type DeviceOptions, deviceOption, encoderOptionsOf, threadsOption } from "./device-option.ts";

export interface EvalOptions extends DeviceOptions {
  readonly data?: string;
  readonly encoder: string;
  readonly idf: IdfMode | "all";
  readonly split: string;
  readonly queries?: number;
  /** Folder; absent or false: every document is encoded. */
  readonly encodeCache?: string | false;
  readonly json?: string;
  readonly run?: string;
  readonly fromRun?: string;
  readonly html?: string;
  readonly with?: readonly string[];
}

/** What the command needs from outside. */
export interface EvalPorts {
  readonly print: (text: string) => void;
  /** Where the encoder's worker thread is, when not beside the running bundle. */
  readonly workerUrl?: URL;
}

const EXAMPLES = `
Examples:
  $ lzero eval --data ./scifact
  $ lzero eval --data ./scifact --encoder bm25 --idf corpus --json bm25.json --run bm25.trec
  $ lzero eval --data ./squad --idf all --queries 2000
  $ lzero eval --data ./scifact --from-run elsewhere.trec
  $ lzero eval --html report.html --with bm25.json l0.json`;

export function register(program: Command): void {
  program
    .command("eval")
    .summary("measure relevance and cost on a test collection")
    .description(
      "Encodes and publishes a test collection in BEIR's layout (corpus.jsonl[.gz], queries.jsonl[.gz], qrels/test.tsv) in memory, through the code that production runs, and prints NDCG@10, Recall@100, MRR@10 and what it costs.",
    )
    .option("--data <dir>", "folder of the collection")
    .option("--encoder <name>", "bm25, a model's name or its folder", DEFAULT_MODEL)
    .addOption(new Option("--idf <mode>", "IDF of queries").choices([...IDF_MODES, "all"]).default("model"))
    .option("--split <name>", "judgements to use: qrels/<name>.tsv", "test")
    .option("--queries <n>", "evaluate on so many queries, at even steps through the file", parseCount)
    .addOption(threadsOption())
    .addOption(deviceOption())
    .addOption(
      new Option("--encode-cache <dir>", "keep vectors here and encode no text twice with one model")
        .env(ENCODE_CACHE_VARIABLE)
        .default(".cache/vectors"),
    )
    .option("--no-encode-cache", "encode every document")
    .option("--json <file>", "write the figures as JSON (an array when --idf is all)")
    .option("--run <file>", "write the rankings as a TREC run file (one an IDF when --idf is all)")
    .option("--from-run <file>", "encode nothing: the metrics of this TREC run file")
    .option("--html <file>", "write a report with charts of relevance against cost")
    .option("--with <json...>", "results of --json that the report shows too; without --data, only they")
    .addHelpText("after", EXAMPLES)
    .action((options: EvalOptions) => runEval(options, { print: (text) => console.log(text) }));
}

/** @throws LzeroError `eval_options_invalid`, and those of reading, encoding, publishing and search */
export async function runEval(options: EvalOptions, ports: EvalPorts): Promise<void> {
  const { data } = options;
  if (options.with !== undefined && options.html === undefined) {
    throw new LzeroError("eval_options_invalid", "--with is for the report: give --html too");
  }
  if (data === undefined && options.with === undefined) {
    throw new LzeroError("eval_options_invalid", "give the folder of a collection: --data DIR");
  }
  // Before any work: the packages and the files that the report needs.
  const draw = options.html === undefined ? null : await openChartDrawer();
  const earlier = (await Promise.all((options.with ?? []).map(readEvalRecords))).flat();
  const records =
    data === undefined
      ? []
      : options.fromRun === undefined
        ? await evaluateEncoder(data, options, ports)
        : await evaluateRunFile(data, options.fromRun, options, ports);
  if (options.json !== undefined) {
    await writeFile(
      options.json,
      `${JSON.stringify(records.length === 1 ? records[0] : records, null, 2)}\n`,
    );
  }
  if (options.html !== undefined && draw !== null) {
    await writeFile(options.html, await renderReport([...earlier, ...records], draw));
    ports.print(`report: ${options.html}`);
  }
}

async function evaluateRunFile(
  data: string,
  path: string,
  options: EvalOptions,
  { print }: EvalPorts,
): Promise<EvalRecord[]> {
  const judgements = sampleQueries(
    await readJudgements(data, options.split),
    options.queries ?? Number.POSITIVE_INFINITY,
  );
  const metrics = evaluateRun(judgements.qrels, rankingsOf(await readRun(path)));
  const record = { collection: nameOf(data), encoder: basename(path), idf: null, ...metrics };
  print(`${path} on ${data}: ${metrics.queries} queries\n${formatRecords([record])}`);
  return [record];
}

async function evaluateEncoder(data: string, options: EvalOptions, ports: EvalPorts): Promise<EvalRecord[]> {
  const whole = await readCollection(data, options.split);
  const collection = sampleQueries(whole, options.queries ?? Number.POSITIVE_INFINITY);
  const opened = await openEncoder(options.encoder, {
    ...encoderOptionsOf(options, console.error),
    ...(ports.workerUrl === undefined ? {} : { workerUrl: ports.workerUrl }),
    averageLength: (tokenizer) =>
      measureAverageLength(
        tokenizer,
        collection.documents.slice(0, 1000).map((document) => encodedText(document, ["title", "text"])),
      ),
  });
  const { tokenizer, files } = opened;
  let encoder = opened.encoder;
  const progress = new StageBars();
  try {
    if (options.encodeCache) {
      encoder = await cacheEncoder(encoder, {
        folder: options.encodeCache,
        logger: createLogger({ level: process.env.LZERO_LOG_LEVEL ?? "warn" }),
      });
    }
    const modes: readonly IdfMode[] = options.idf === "all" ? IDF_MODES : [options.idf];
    const model = { encoder, tokenizer, vocabulary: files.vocabulary, idf: files.idf };
    const result = await evaluate(collection, model, modes, (at) => progress.update(at));
    progress.stop();
    if (options.run !== undefined) await writeRuns(options.run, result, encoder.manifest.name);
    const { documents, documentsPerSecond, truncated, unseenTokens, clipped } = result;
    const cached = encoder instanceof CachingEncoder ? encoder.hits : 0;
    const records = result.rows.map((row) => ({
      collection: nameOf(data),
      encoder: options.encoder,
      ...row,
      ...{ documents, documentsPerSecond, cached, truncated, unseenTokens, clipped },
    }));
    ports.print(
      `${options.encoder} on ${data}: ${documents} documents (${truncated} longer than the model reads, ${unseenTokens} tokens unseen), ${result.rows[0]?.queries} queries, ${documentsPerSecond.toFixed(0)} documents/s to published${cached === 0 ? "" : ` (vectors of ${cached} from ${options.encodeCache})`}\n${formatRecords(records)}`,
    );
    return records;
  } finally {
    progress.stop();
    await encoder.close();
  }
}

/** One file, or with several rows one for each IDF: `name-model.trec`, `name-corpus.trec`, … */
async function writeRuns(path: string, { rows, runs }: EvalResult, tag: string): Promise<void> {
  for (const [at, { idf }] of rows.entries()) {
    const ending = extname(path);
    const ofRow = rows.length === 1 ? path : `${path.slice(0, path.length - ending.length)}-${idf}${ending}`;
    await writeFile(ofRow, encodeRun(runs[at]!, tag));
  }
}

const COLUMNS: readonly (Column & { readonly cell: (record: EvalRecord) => string })[] = [
  { name: "IDF", cell: ({ idf }) => idf ?? "–" },
  { name: "NDCG@10", isNumber: true, cell: (record) => record["ndcg@10"].toFixed(4) },
  { name: "Recall@100", isNumber: true, cell: (record) => record["recall@100"].toFixed(4) },
  { name: "MRR@10", isNumber: true, cell: (record) => record["mrr@10"].toFixed(4) },
  { name: "Doc_Len", isNumber: true, cell: ({ docLen }) => docLen?.toFixed(1) ?? "–" },
  { name: "query terms", isNumber: true, cell: ({ queryTerms }) => queryTerms?.toFixed(1) ?? "–" },
  { name: "FLOPS", isNumber: true, cell: ({ flops }) => flops?.toFixed(2) ?? "–" },
  {
    name: "bytes/posting",
    isNumber: true,
    cell: ({ bytesPerPosting }) => bytesPerPosting?.toFixed(2) ?? "–",
  },
  {
    name: "posting bytes/document",
    isNumber: true,
    cell: (record) => postingBytesPerDocument(record)?.toFixed(0) ?? "–",
  },
  { name: "reads/query", isNumber: true, cell: ({ readsPerQuery }) => readsPerQuery?.toFixed(1) ?? "–" },
];

function formatRecords(records: readonly EvalRecord[]): string {
  return formatTable(
    COLUMNS,
    records.map((record) => COLUMNS.map(({ cell }) => cell(record))),
  );
}

/** The collection's name is its folder's. */
function nameOf(data: string): string {
  return basename(resolve(data));
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

/** `lzero ingest`: sends a file of documents through the HTTP API and says what became of each. */
import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { LzeroError } from "../../shared/errors.ts";
import { makeBatches } from "../corpus/batches.ts";
import { readCorpusFile } from "../corpus/corpus-file.ts";
import { IngestClient } from "../corpus/ingest-client.ts";
import { type LostDocument, Transfer, type TransferResult } from "../corpus/transfer.ts";
import { createProgressView, formatCount } from "../dev/progress.ts";
import { DEFAULT_STATE_FOLDER } from "../dev/state-folder.ts";
import { parseIndexName } from "./dev.ts";
import { findUrl, findWriteKey } from "./target.ts";

interface IngestOptions {
  readonly index: string;
  readonly url?: string;
  readonly state: string;
  readonly resume?: string;
  readonly wait: boolean;
}

/** Sending pauses while this many documents wait for the batch job. */
const MAX_PENDING = 50_000;
const MAX_SHOWN_LOST = 100;

const EXAMPLES = `
A line of JSONL: {"id": "a1", "title": "…", "text": "…", "url": "…", "metadata": {"year": 2024}}; BEIR's "_id" is
understood. A CSV needs the columns id and text; title and url are known, every other column becomes metadata.

Examples:
  lzero ingest papers.jsonl.gz --index papers
  lzero ingest papers.jsonl.gz --index papers --resume 3f9a1c27d05be864
  LZERO_WRITE_KEY=… lzero ingest products.csv --index products --url https://search.example.com --no-wait`;

export function register(program: Command): void {
  program
    .command("ingest")
    .summary("send a file of documents to an index")
    .description("Sends JSONL, NDJSON or CSV, also .gz, to an index and waits until all of it can be found.")
    .argument("<file>", "the documents")
    .requiredOption("--index <name>", "index to send to; it is created when absent", parseIndexName)
    .option("--url <origin>", "the Worker (default: LZERO_URL, else the stack of this folder)")
    .option("--resume <run>", "go on with a transfer that was broken off, by the name that it printed")
    .option("--no-wait", "do not wait for the batch job")
    .option("--state <folder>", "state folder of a local stack", DEFAULT_STATE_FOLDER)
    .addHelpText("after", EXAMPLES)
    .action(async (file: string, options: IngestOptions) => {
      process.exitCode = await ingest(file, options);
    });
}

async function ingest(file: string, options: IngestOptions): Promise<number> {
  const { index } = options;
  if (file === "-") {
    throw new LzeroError(
      "corpus_unreadable",
      "documents from standard input cannot be sent again: give a file",
    );
  }
  if (options.resume !== undefined && !/^[0-9a-f]{16}$/.test(options.resume)) {
    throw new LzeroError("run_invalid", `${options.resume} is no name of a transfer: it has 16 hex digits`);
  }
  // Refuses a name of no known format before anything is asked of anybody.
  readCorpusFile(file);
  const url = await findUrl(options);
  const client = new IngestClient({ url, writeKey: await findWriteKey(url, options) });
  if ((await client.status(index)) === null) await client.createIndex(index, {});
  const run = options.resume ?? randomBytes(8).toString("hex");
  const view = createProgressView(process.stderr);
  view.print(`Transfer ${run}; if it breaks off: lzero ingest ${file} --index ${index} --resume ${run}`);
  const transfer = new Transfer({
    client,
    index,
    run: `ingest/${run}`,
    openBatches: (onSkipped) => makeBatches(readCorpusFile(file), onSkipped),
    resume: options.resume !== undefined,
    maxPending: MAX_PENDING,
    onProgress: (progress) => view.update({ ...progress, total: null }),
  });
  let result: TransferResult;
  try {
    result = options.wait ? await transfer.run() : await transfer.send();
  } finally {
    view.stop();
  }
  printLost(file, result.lost);
  console.log(describeCounts(result));
  return result.lost.length === 0 ? 0 : 1;
}

function printLost(file: string, lost: readonly LostDocument[]): void {
  for (const { line, id, code, message } of lost.slice(0, MAX_SHOWN_LOST)) {
    console.error(`${file}:${line}${id === null ? "" : ` (${id})`}: ${code}: ${message}`);
  }
  if (lost.length > MAX_SHOWN_LOST) console.error(`and ${formatCount(lost.length - MAX_SHOWN_LOST)} more`);
}

function describeCounts({ counts }: TransferResult): string {
  const parts = Object.entries(counts).map(([outcome, count]) => `${outcome} ${formatCount(count)}`);
  return parts.length === 0 ? "no documents" : parts.join(" · ");
}

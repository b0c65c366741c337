/** `lzero dev`: the whole system on this machine; and the hidden commands that its children run. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { INDEX_NAME_PATTERN } from "../../shared/storage/keys.ts";
import { DEFAULT_STATE_FOLDER } from "../dev/state-folder.ts";

const DEFAULT_PORT = 8787;

interface DevOptions {
  readonly port: number;
  readonly index: string;
  readonly corpus: string | false | undefined;
  readonly limit?: number;
  readonly state: string;
  readonly reset?: boolean;
}

const EXAMPLES = `
Examples:
  npm start                                      WordNet as a reverse dictionary at http://127.0.0.1:${DEFAULT_PORT}
  npm start -- --port 9000 --limit 5000          another port, only the 5,000 most used senses
  npm start -- --corpus papers.jsonl.gz --index papers
  npm run reset                                  delete the state folder and begin anew`;

/** @param script the bundled command line: children run it too */
export function register(program: Command, script: string): void {
  program
    .command("dev")
    .summary("run queue, edge and consumer on this machine and bring a corpus in")
    .description(
      "Runs the whole system on this machine, on 127.0.0.1 only: an SQS emulator, the built Worker with KV and catalog, and the consumer. Brings a corpus in through the HTTP API; a second start goes on where the first stopped.",
    )
    .option("--port <number>", "port of the Worker; 0 takes any free one", parsePort, DEFAULT_PORT)
    .option("--index <name>", "index that the corpus goes into", parseIndexName, "demo")
    .option("--corpus <file>", "JSONL, NDJSON or CSV, also .gz, instead of WordNet")
    .option("--no-corpus", "bring nothing in")
    .option("--limit <number>", "only the first documents of the corpus", parseCount)
    .option("--state <folder>", "folder for data, keys and logs", DEFAULT_STATE_FOLDER)
    .addOption(new Option("--reset", "delete the state folder and exit"))
    .addHelpText("after", EXAMPLES)
    .action(async (options: DevOptions) => {
      const { resetState, supervise } = await import("../dev/supervise.ts");
      if (options.reset) return await resetState(options.state);
      const exitCode = await supervise({
        script,
        statePath: options.state,
        port: options.port,
        index: options.index,
        corpusPath: typeof options.corpus === "string" ? options.corpus : null,
        limit: options.limit ?? null,
        withCorpus: options.corpus !== false,
      });
      // A request that waits for its next try would hold the process.
      process.exit(exitCode);
    });
  program.command("dev-queue", { hidden: true }).action(async () => {
    const { runQueueProcess } = await import("../dev/queue-process.ts");
    await runQueueProcess();
  });
  program.command("dev-edge", { hidden: true }).action(async () => {
    const { runEdgeProcess } = await import("../dev/edge-process.ts");
    await runEdgeProcess();
  });
}

export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535)
    throw new InvalidArgumentError("A port is a number from 0 to 65535.");
  return port;
}

export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < 1) {
    throw new InvalidArgumentError("It is a whole number from 1 on.");
  }
  return count;
}

export function parseIndexName(text: string): string {
  if (!INDEX_NAME_PATTERN.test(text)) {
    throw new InvalidArgumentError("An index's name is 1 to 64 of a-z, 0-9 and -, not beginning with -.");
  }
  return text;
}

/** `lzero verify`: reads every page of an index's current generation and says whether all of it agrees. */
import { SingleBar } from "cli-progress";
import type { Command } from "commander";
import type { PageReader } from "../../shared/storage/page-store.ts";
import { type VerifyProgress, verifyCurrent } from "../../shared/verify/verify-index.ts";
import { DEFAULT_STATE_FOLDER } from "../dev/state-folder.ts";
import { formatReport } from "../inspect/format-report.ts";
import { openPageStore, type StoreOptions } from "../inspect/open-store.ts";
import { parseIndexName } from "./dev.ts";

export interface VerifyCommandOptions extends StoreOptions {
  readonly index: string;
  readonly json?: boolean;
}

/** What the command needs from outside. */
export interface PageCommandPorts {
  readonly openReader: (options: StoreOptions) => Promise<PageReader>;
  readonly print: (text: string) => void;
}

export const TERMINAL_PORTS: PageCommandPorts = {
  openReader: openPageStore,
  print: (text) => console.log(text),
};

const EXAMPLES = `
KV is that of LZERO_KV_NAMESPACE_ID, CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN, else that of this folder's stack.
Exit code: 0 when all is well, 1 with problems.

Examples:
  lzero verify --index demo
  lzero verify --index demo --json > report.json`;

export function register(program: Command): void {
  program
    .command("verify")
    .summary("check every page of an index")
    .description(
      "Reads every page of the current generation and checks it: checksums, sorted ordinals, true maxima and counts, documents, ids, tombstones and query tables. All problems are listed, each with its key.",
    )
    .requiredOption("--index <name>", "index to check", parseIndexName)
    .option("--json", "print the report as JSON")
    .option("--state <folder>", "state folder of a local stack", DEFAULT_STATE_FOLDER)
    .addHelpText("after", EXAMPLES)
    .action(async (options: VerifyCommandOptions) => {
      process.exitCode = await runVerify(options, TERMINAL_PORTS);
    });
}

/** @returns the exit code. @throws LzeroError `index_not_found`, `target_unknown`, or the store's */
export async function runVerify(options: VerifyCommandOptions, ports: PageCommandPorts): Promise<number> {
  const reader = await ports.openReader(options);
  const bar = new PageBar(process.stderr);
  try {
    const report = await verifyCurrent(reader, options.index, { onProgress: (at) => bar.update(at) });
    bar.stop();
    ports.print(options.json ? JSON.stringify(report, null, 2) : formatReport(report));
    return report.problemCount === 0 ? 0 : 1;
  } finally {
    bar.stop();
  }
}

/** A bar on a terminal, nothing elsewhere. */
class PageBar {
  readonly #bar: SingleBar | null;
  #isShown = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#bar = stream.isTTY
      ? new SingleBar({
          stream,
          format: "{bar} {percentage}% | {value} of {total} pages | {eta_formatted}",
          hideCursor: true,
          clearOnComplete: true,
        })
      : null;
  }

  update({ pages, totalPages }: VerifyProgress): void {
    if (this.#bar === null) return;
    if (this.#isShown) this.#bar.setTotal(totalPages);
    else this.#bar.start(totalPages, 0);
    this.#isShown = true;
    this.#bar.update(pages);
  }

  stop(): void {
    if (this.#isShown) this.#bar?.stop();
    this.#isShown = false;
  }
}

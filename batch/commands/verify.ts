/**
 * `lzero verify`: reads every page of an index's current generation and says whether all of it agrees; on request also
 * of the older generations that are kept, and with what the catalog says.
 */
import { SingleBar } from "cli-progress";
import type { Command } from "commander";
import type { PageReader } from "../../shared/storage/page-store.ts";
import { type VerifyProgress, verifyCurrent } from "../../shared/verify/verify-index.ts";
import type { HistoryPort } from "../catalog-port.ts";
import { DEFAULT_STATE_FOLDER } from "../dev/state-folder.ts";
import { formatReport } from "../inspect/format-report.ts";
import { openPageStore, type StoreOptions } from "../inspect/open-store.ts";
import { formatCatalogReport } from "../operate/format-catalog-report.ts";
import { verifyKept } from "../operate/verify-kept.ts";
import { parseIndexName } from "./dev.ts";
import { HISTORY_PORTS } from "./history-ports.ts";

export interface VerifyCommandOptions extends StoreOptions {
  readonly index: string;
  readonly url?: string;
  readonly catalog?: boolean;
  readonly kept?: boolean;
  readonly json?: boolean;
}

/** What the command needs from outside. */
export interface PageCommandPorts {
  readonly openReader: (options: StoreOptions) => Promise<PageReader>;
  readonly print: (text: string) => void;
}

export interface VerifyPorts extends PageCommandPorts {
  readonly openCatalog: (
    options: VerifyCommandOptions,
  ) => Promise<Pick<HistoryPort, "generations" | "manifest" | "located">>;
}

export const TERMINAL_PORTS: PageCommandPorts = {
  openReader: openPageStore,
  print: (text) => console.log(text),
};

const EXAMPLES = `
KV is that of LZERO_KV_NAMESPACE_ID, CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN, else that of this folder's stack.
With --catalog and --kept the catalog is asked too: LZERO_URL and LZERO_PUBLISH_KEY, else that of this folder's stack.
Exit code: 0 when all is well, 1 with problems.

Examples:
  lzero verify --index demo
  lzero verify --index demo --catalog      also whether the catalog knows every document where it lies
  lzero verify --index demo --kept         also every older generation that can be rolled back to
  lzero verify --index demo --json > report.json`;

export function register(program: Command): void {
  program
    .command("verify")
    .summary("check every page of an index")
    .description(
      "Reads every page of the current generation and checks it: checksums, sorted ordinals, true maxima and counts, documents, ids, tombstones and query tables. All problems are listed, each with its key.",
    )
    .requiredOption("--index <name>", "index to check", parseIndexName)
    .option("--catalog", "compare with what the catalog says, document by document")
    .option("--kept", "also the older generations that are kept; each segment once")
    .option("--json", "print the report as JSON")
    .option("--url <origin>", "the Worker (default: LZERO_URL, else the stack of this folder)")
    .option("--state <folder>", "state folder of a local stack", DEFAULT_STATE_FOLDER)
    .addHelpText("after", EXAMPLES)
    .action(async (options: VerifyCommandOptions) => {
      const { openCatalog } = HISTORY_PORTS;
      process.exitCode = await runVerify(options, { ...TERMINAL_PORTS, openCatalog });
    });
}

/** @returns the exit code. @throws LzeroError `index_not_found`, `target_unknown`, the store's or the catalog's */
export async function runVerify(options: VerifyCommandOptions, ports: VerifyPorts): Promise<number> {
  const { index, json = false, kept = false, catalog: compares = false } = options;
  const reader = await ports.openReader(options);
  const bar = new PageBar(process.stderr);
  const onProgress = (at: VerifyProgress): void => bar.update(at);
  try {
    if (!kept && !compares) {
      const report = await verifyCurrent(reader, index, { onProgress });
      bar.stop();
      ports.print(json ? JSON.stringify(report, null, 2) : formatReport(report));
      return report.problemCount === 0 ? 0 : 1;
    }
    const catalog = await ports.openCatalog(options);
    const report = await verifyKept(reader, catalog, { compares, kept, onProgress });
    bar.stop();
    ports.print(json ? JSON.stringify(report, null, 2) : formatCatalogReport(report));
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

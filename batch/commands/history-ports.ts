/** What the commands about generations need from outside, and how it is opened from their options. */
import type { Command } from "commander";
import type { PageStore } from "../../shared/storage/page-store.ts";
import { HttpCatalog } from "../catalog-http.ts";
import type { CatalogPort, HistoryPort } from "../catalog-port.ts";
import { DEFAULT_STATE_FOLDER } from "../dev/state-folder.ts";
import { openPageStore } from "../inspect/open-store.ts";
import { openConfirm } from "../operate/terminal.ts";
import { openQueues, type Queues } from "../queue/queue-target.ts";
import { parseIndexName } from "./dev.ts";
import { findPublishKey, findUrl, type TargetOptions } from "./target.ts";

export interface IndexOptions extends TargetOptions {
  readonly index: string;
}

export interface HistoryPorts {
  readonly openCatalog: (options: IndexOptions) => Promise<CatalogPort & HistoryPort>;
  readonly openStore: (options: TargetOptions) => Promise<PageStore>;
  readonly openQueues: (options: TargetOptions) => Promise<Queues>;
  readonly print: (text: string) => void;
  /** Null: there is nobody to be asked. */
  readonly confirm: ((question: string) => Promise<boolean>) | null;
  readonly now: () => number;
}

export const HISTORY_PORTS: HistoryPorts = {
  openCatalog: async (options) => {
    const origin = await findUrl(options);
    const publishKey = await findPublishKey(origin, options);
    return new HttpCatalog({ origin, publishKey, index: options.index });
  },
  openStore: (options) => openPageStore(options),
  openQueues: (options) => openQueues(options),
  print: (text) => console.log(text),
  confirm: openConfirm(),
  now: Date.now,
};

/** The options that all of these commands have. */
export function addIndexOptions(command: Command): Command {
  return command
    .requiredOption("--index <name>", "index", parseIndexName)
    .option("--url <origin>", "the Worker (default: LZERO_URL, else the stack of this folder)")
    .option("--state <folder>", "state folder of a local stack", DEFAULT_STATE_FOLDER);
}

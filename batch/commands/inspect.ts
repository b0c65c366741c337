/** `lzero inspect`: looks into an index as it is stored: segments, pages, terms, documents. */
import { type Command, InvalidArgumentError } from "commander";
import { LzeroError } from "../../shared/errors.ts";
import { DEFAULT_STATE_FOLDER } from "../dev/state-folder.ts";
import {
  formatDocument,
  formatIndex,
  formatPage,
  formatSegment,
  formatTerm,
} from "../inspect/format-views.ts";
import type { StoreOptions } from "../inspect/open-store.ts";
import { OpenedIndex } from "../inspect/opened-index.ts";
import { viewDocument } from "../inspect/view-document.ts";
import { viewIndex, viewPage, viewSegment } from "../inspect/view-segments.ts";
import { viewTerm } from "../inspect/view-term.ts";
import { parseCount, parseIndexName } from "./dev.ts";
import { type PageCommandPorts, TERMINAL_PORTS } from "./verify.ts";

export interface InspectOptions extends StoreOptions {
  readonly index: string;
  readonly segment?: string;
  readonly page?: number;
  readonly term?: string;
  readonly document?: string;
  readonly limit: number;
  readonly json?: boolean;
}

interface Answer {
  readonly view: object;
  readonly text: string;
}

const DEFAULT_LIMIT = 20;
const EXAMPLES = `
KV is that of LZERO_KV_NAMESPACE_ID, CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN, else that of this folder's stack.

Examples:
  lzero inspect --index demo                             its segments
  lzero inspect --index demo --segment 3f9a              one segment's pages, by the beginning of its id
  lzero inspect --index demo --segment 3f9a --page 2     the lists or documents of a page
  lzero inspect --index demo --term spider               a term's lists and best postings; --term id:6804 by token id
  lzero inspect --index demo --document a1 --json        where a document lies, and its vector`;

export function register(program: Command): void {
  program
    .command("inspect")
    .summary("look into an index: segments, pages, terms, documents")
    .description(
      "Shows what an index holds, as it is stored: its segments, one of them, a page, a term or a document.",
    )
    .requiredOption("--index <name>", "index to look into", parseIndexName)
    .option("--segment <id>", "one segment: its id or the beginning of it")
    .option("--page <number>", "with --segment: what one of its pages holds", parsePage)
    .option("--term <piece>", "a wordpiece, a token id, or id:<token id>")
    .option("--document <id>", "a document: reads the pages of its segment")
    .option("--limit <n>", "rows of a table, postings of a term", parseCount, DEFAULT_LIMIT)
    .option("--json", "print JSON; everything, but for a term's postings")
    .option("--state <folder>", "state folder of a local stack", DEFAULT_STATE_FOLDER)
    .addHelpText("after", EXAMPLES)
    .action((options: InspectOptions) => runInspect(options, TERMINAL_PORTS));
}

/** @throws LzeroError `inspect_invalid`, `index_not_found`, what a view names, `target_unknown`, or the store's */
export async function runInspect(options: InspectOptions, ports: PageCommandPorts): Promise<void> {
  const wanted = [options.segment, options.term, options.document].filter((value) => value !== undefined);
  if (wanted.length > 1) {
    throw new LzeroError("inspect_invalid", "--segment, --term and --document are asked for one at a time");
  }
  if (options.page !== undefined && options.segment === undefined) {
    throw new LzeroError("inspect_invalid", "--page is a page of a segment: give --segment too");
  }
  const index = await OpenedIndex.open(await ports.openReader(options), options.index);
  const { view, text } = await answer(index, options);
  ports.print(options.json ? JSON.stringify(view, null, 2) : text);
}

async function answer(index: OpenedIndex, options: InspectOptions): Promise<Answer> {
  const { limit } = options;
  if (options.term !== undefined) {
    const view = await viewTerm(index, index.findTerm(options.term), limit);
    return { view, text: formatTerm(view) };
  }
  if (options.document !== undefined) {
    const view = await viewDocument(index, options.document);
    return { view, text: formatDocument(view, limit) };
  }
  if (options.segment === undefined) {
    const view = viewIndex(index);
    return { view, text: formatIndex(view) };
  }
  const segment = index.findSegment(options.segment);
  if (options.page === undefined) {
    const view = await viewSegment(index, segment);
    return { view, text: formatSegment(view, limit) };
  }
  const view = await viewPage(index, segment, options.page);
  return { view, text: formatPage(view, limit) };
}

function parsePage(text: string): number {
  const page = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(page)) {
    throw new InvalidArgumentError("A page is a number from 0 on.");
  }
  return page;
}

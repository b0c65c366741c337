/** `lzero search`: one query, its hits as a table or as JSON. */
import { type Command, InvalidArgumentError } from "commander";
import { MAX_K } from "../../shared/messages/limits.ts";
import { IngestClient, type SearchAnswer } from "../corpus/ingest-client.ts";
import { DEFAULT_STATE_FOLDER } from "../dev/state-folder.ts";
import { parseIndexName } from "./dev.ts";
import { findUrl } from "./target.ts";

interface SearchOptions {
  readonly index: string;
  readonly k: number;
  readonly json?: boolean;
  readonly url?: string;
  readonly state: string;
}

const DEFAULT_WIDTH = 100;
const EXAMPLES = `
Examples:
  lzero search "fear of spiders" --index demo
  lzero search "a feeling of great happiness" --index demo --k 3 --json`;

export function register(program: Command): void {
  program
    .command("search")
    .summary("ask an index")
    .description("Asks an index and prints the best documents first.")
    .argument("<query>", "what to look for")
    .requiredOption("--index <name>", "index to ask", parseIndexName)
    .option("--k <number>", `how many documents, 1 to ${MAX_K}`, parseK, 10)
    .option("--json", "print the API's answer")
    .option("--url <origin>", "the Worker (default: LZERO_URL, else the stack of this folder)")
    .option("--state <folder>", "state folder of a local stack", DEFAULT_STATE_FOLDER)
    .addHelpText("after", EXAMPLES)
    .action(async (query: string, options: SearchOptions) => {
      const client = new IngestClient({ url: await findUrl(options), retry: { attempts: 2 } });
      const answer = await client.search(options.index, query, options.k);
      const width = process.stdout.columns ?? DEFAULT_WIDTH;
      console.log(options.json ? JSON.stringify(answer, null, 2) : formatHits(answer, width));
    });
}

/** A line a hit: rank, score, title, and as much of the text as fits. */
export function formatHits(answer: SearchAnswer, width: number): string {
  const warnings = answer.warnings.map((warning) => `warning: ${formatWarning(warning)}`);
  if (answer.hits.length === 0) return [...warnings, "nothing found"].join("\n");
  const titleWidth = Math.min(32, Math.max(...answer.hits.map(({ title, id }) => (title ?? id).length)));
  const rows = answer.hits.map(({ id, score, title, text }, at) => {
    const rank = String(at + 1).padStart(3);
    const name = clip(title ?? id, titleWidth).padEnd(titleWidth);
    return clip(`${rank}  ${score.toFixed(3).padStart(7)}  ${name}  ${text}`, width);
  });
  const { reads, bytesRead, postings } = answer.stats;
  const cost = `generation ${answer.generation} · ${reads} reads · ${bytesRead} bytes · ${postings} postings`;
  return [...warnings, ...rows, cost].join("\n");
}

function formatWarning(warning: unknown): string {
  if (typeof warning === "string") return warning;
  const message = (warning as { message?: unknown } | null)?.message;
  return typeof message === "string" ? message : JSON.stringify(warning);
}

/** One line of at most `width` characters; control characters, which could steer the terminal, become spaces. */
function clip(text: string, width: number): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ");
  const characters = [...line];
  return characters.length <= width ? line : `${characters.slice(0, Math.max(0, width - 1)).join("")}…`;
}

function parseK(text: string): number {
  const k = Number(text);
  if (!/^\d+$/.test(text) || k < 1 || k > MAX_K)
    throw new InvalidArgumentError(`It is a number from 1 to ${MAX_K}.`);
  return k;
}

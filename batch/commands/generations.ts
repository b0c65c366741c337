/** `lzero generations`: what an index can go back to; `lzero pin` and `lzero unpin`: what is kept on purpose. */
import { type Command, InvalidArgumentError } from "commander";
import { formatGenerations } from "../operate/format-history.ts";
import { addIndexOptions, HISTORY_PORTS, type HistoryPorts, type IndexOptions } from "./history-ports.ts";

interface GenerationsOptions extends IndexOptions {
  readonly json?: boolean;
}

const EXAMPLES = `
How long generations are kept is set by the Worker's variables GENERATION_RETENTION_MINUTES (60) and
MAX_RETAINED_GENERATIONS (100): a replaced one can be rolled back to for that long, while it is among that many.

Examples:
  lzero generations --index demo
  lzero generations --index demo --json
  lzero rollback --index demo --to 41`;

const PIN_EXAMPLES = `
A pinned generation and its pages stay until it is unpinned; at most 20 of an index. Deletions made since are
remembered for as long, so that a rollback to it brings nothing back that was deleted.

Examples:
  lzero pin 41 --index demo         before an import that may go wrong
  lzero unpin 41 --index demo       its pages go with the next collection`;

export function register(program: Command): void {
  addIndexOptions(program.command("generations"))
    .summary("what an index can go back to")
    .description(
      "Lists the generations of an index that are kept: what made each, and which are live or pinned.",
    )
    .option("--json", "print the catalog's answer")
    .addHelpText("after", EXAMPLES)
    .action((options: GenerationsOptions) => runGenerations(options, HISTORY_PORTS));
  for (const [name, pinned] of [
    ["pin", true],
    ["unpin", false],
  ] as const) {
    addIndexOptions(program.command(name))
      .summary(pinned ? "keep a generation" : "let a pinned generation go")
      .description(pinned ? "Keeps a generation until it is unpinned." : "Lets a pinned generation go.")
      .argument("<generation>", "its number", parseGeneration)
      .addHelpText("after", PIN_EXAMPLES)
      .action((generation: number, options: IndexOptions) =>
        runPin(generation, pinned, options, HISTORY_PORTS),
      );
  }
}

/** @throws LzeroError `index_not_found`, `target_unknown`, `catalog_unavailable` */
export async function runGenerations(options: GenerationsOptions, ports: HistoryPorts): Promise<void> {
  const answer = await (await ports.openCatalog(options)).generations();
  ports.print(
    options.json ? JSON.stringify(answer, null, 2) : formatGenerations(options.index, answer, ports.now()),
  );
}

/** @throws LzeroError `generation_not_found`, `generation_collected`, `too_many_pins` */
export async function runPin(
  generation: number,
  pinned: boolean,
  options: IndexOptions,
  ports: HistoryPorts,
): Promise<void> {
  const { retained } = await (await ports.openCatalog(options)).pin({ generation, pinned });
  const still = retained ? "it is still kept, as a young one" : "it is kept no longer";
  ports.print(
    pinned
      ? `${options.index}: generation ${generation} is pinned`
      : `${options.index}: generation ${generation} is not pinned; ${still}`,
  );
}

export function parseGeneration(text: string): number {
  const generation = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(generation)) {
    throw new InvalidArgumentError("A generation is a number from 0 on.");
  }
  return generation;
}

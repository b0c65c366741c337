/** `lzero collect`: deletes the pages that no generation needs any more, as `lzero consume` does now and then. */
import { type Command, InvalidArgumentError } from "commander";
import type { GarbageResponse, GarbageSegment } from "../../shared/catalog/history-commands.ts";
import { formatCount, formatTable } from "../inspect/table.ts";
import { describeRetention, formatAge } from "../operate/format-history.ts";
import { COLLECT_GRACE_MS, collectGarbage } from "../publish/collector.ts";
import { addIndexOptions, HISTORY_PORTS, type HistoryPorts, type IndexOptions } from "./history-ports.ts";

export interface CollectOptions extends IndexOptions {
  readonly graceMinutes: number;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const GRACE_MINUTES = COLLECT_GRACE_MS / 60_000;

const REASONS: Readonly<Record<GarbageSegment["why"], string>> = {
  given_up: "given up before its commit",
  lease_expired: "never committed, its lease ran out",
  replaced: "merged, emptied or rolled back",
  collected_before: "never committed, looked at once more",
};

const EXAMPLES = `
What is garbage the catalog knows; nothing is listed in KV. A segment that was committed goes when no generation that
is kept or pinned has it, and the grace period is over since it left: readers may hold a manifest for some seconds, and
KV may show an old one for a minute. With a shorter grace period such a reader asks the catalog instead, which costs it
time, never a wrong answer.

Examples:
  lzero collect --index demo --dry-run           what there is, and what keeps the rest
  lzero collect --index demo
  lzero collect --index demo --grace-minutes 60`;

export function register(program: Command): void {
  addIndexOptions(program.command("collect"))
    .summary("delete pages that nobody needs any more")
    .description("Deletes the pages of segments that no generation which is kept needs any more.")
    .option("--grace-minutes <n>", "how long ago a segment must have left", parseMinutes, GRACE_MINUTES)
    .option("--dry-run", "say what would be deleted and change nothing")
    .option("--json", "print the report as JSON")
    .addHelpText("after", EXAMPLES)
    .action((options: CollectOptions) => runCollect(options, HISTORY_PORTS));
}

/** @throws LzeroError of the catalog and the store; doing it again is harmless */
export async function runCollect(options: CollectOptions, ports: HistoryPorts): Promise<void> {
  const { index, dryRun = false, json = false } = options;
  const { print } = ports;
  const graceMs = options.graceMinutes * 60_000;
  const catalog = await ports.openCatalog(options);
  const found = await catalog.garbage({ graceMs });
  if (!json) print(await formatGarbage(found));
  const due = found.segments.filter(({ keptBy }) => keptBy === null);
  const nothing = { segments: 0, pages: 0 };
  const target = { index, catalog, store: dryRun ? null : await ports.openStore(options) };
  const { store } = target;
  const deleted = store === null ? nothing : await collectGarbage({ ...target, store }, { graceMs });
  if (json) {
    print(JSON.stringify({ index, dryRun, ...found, deleted }, null, 2));
  } else if (dryRun) {
    const pages = due.reduce((sum, segment) => sum + segment.pages, 0);
    print(`${formatCount(pages)} pages of ${formatCount(due.length)} segments would be deleted.`);
  } else {
    print(`${formatCount(deleted.pages)} pages of ${formatCount(deleted.segments)} segments were deleted.`);
  }

  async function formatGarbage({ segments }: GarbageResponse): Promise<string> {
    if (segments.length === 0) return `${index}: there is no garbage.`;
    const rows = segments.map(({ segmentId, why, documents, pages, sizeBytes, keptBy }) => [
      segmentId.slice(0, 12),
      REASONS[why],
      documents === null ? "" : formatCount(documents),
      formatCount(pages),
      sizeBytes === null ? "" : formatCount(sizeBytes),
      describeKeeper(keptBy, ports.now()),
    ]);
    const columns = [
      { name: "segment" },
      { name: "why" },
      { name: "documents", isNumber: true },
      { name: "pages", isNumber: true },
      { name: "bytes", isNumber: true },
      { name: "kept by" },
    ];
    const byGeneration = segments.some(({ keptBy }) => keptBy !== null && "generation" in keptBy);
    const rules = byGeneration ? [describeRetention((await catalog.generations()).retention)] : [];
    return [index, formatTable(columns, rows), ...rules].join("\n");
  }
}

function describeKeeper(keptBy: GarbageSegment["keptBy"], nowMs: number): string {
  if (keptBy === null) return "";
  if ("generation" in keptBy) return `generation ${keptBy.generation}`;
  return `the grace period, for ${formatAge(keptBy.untilMs - nowMs)}`;
}

function parseMinutes(text: string): number {
  const minutes = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || minutes > 100_000) {
    throw new InvalidArgumentError("It is a number of minutes from 0 on.");
  }
  return minutes;
}

/** `lzero merge`: merges the segments of an index now, as `lzero consume` does after its commits. */
import { type Command, InvalidArgumentError } from "commander";
import type { CatalogStatus, LiveSegment } from "../../shared/catalog/commands.ts";
import { formatCount, formatTable } from "../inspect/table.ts";
import { formatDocuments } from "../operate/format-history.ts";
import {
  chooseMerge,
  DEFAULT_MERGE_POLICY,
  MAX_LIVE_SEGMENTS,
  MAX_MERGE_BYTES,
  MAX_TOMBSTONE_SHARE,
  MIN_DEAD_BYTES,
} from "../publish/merge-policy.ts";
import { mergeInThread } from "../publish/merge-thread.ts";
import { Merger } from "../publish/merger.ts";
import { addIndexOptions, HISTORY_PORTS, type HistoryPorts, type IndexOptions } from "./history-ports.ts";
import { type MemoryOptions, memoryOption } from "./memory-option.ts";

export interface MergeOptions extends IndexOptions, MemoryOptions {
  readonly maxSegments: number;
  readonly dryRun?: boolean;
}

const EXAMPLES = `
When it merges, as \`lzero consume\` does by itself after every commit:
  more than ${MAX_LIVE_SEGMENTS} live segments     the smallest ones, and each next larger one while it is no larger than those
                               below it together; so a document is rewritten about log2 of the number of batches times
  more than ${100 * MAX_TOMBSTONE_SHARE} % of one dead     that one alone, without its dead documents, once these are ${MIN_DEAD_BYTES / 1024 / 1024} MiB or more
Segments of more than ${MAX_MERGE_BYTES / 1024 ** 3} GiB together are merged only where their number forces it. A merge that does not fit its
--memory keeps what it works on in a scratch folder, about three times its segments, in the folder for temporary files
(TMPDIR), and removes it afterwards; with little memory documents are clustered in blocks. Nothing is encoded again,
readers see the old segments or the new one. The old pages stay until \`lzero collect\`.

Examples:
  lzero merge --index demo --dry-run
  lzero merge --index demo
  lzero merge --index demo --max-segments 1      all into one: fewest reads a query
  TMPDIR=/data/tmp lzero merge --index demo --memory 2g`;

export function register(program: Command): void {
  addIndexOptions(program.command("merge"))
    .summary("merge the segments of an index now")
    .description("Merges segments of an index until there are few enough and none of them is largely dead.")
    .option("--max-segments <n>", "live segments to leave", parseSegments, MAX_LIVE_SEGMENTS)
    .addOption(memoryOption())
    .option("--dry-run", "say what would be merged first and change nothing")
    .addHelpText("after", EXAMPLES)
    .action((options: MergeOptions) => runMerge(options, HISTORY_PORTS));
}

/** @throws LzeroError of the catalog and the store */
export async function runMerge(options: MergeOptions, ports: HistoryPorts): Promise<void> {
  const { index, maxSegments } = options;
  const { print } = ports;
  const catalog = await ports.openCatalog(options);
  const policy = { ...DEFAULT_MERGE_POLICY, maxLive: maxSegments };
  if (options.dryRun) {
    const status = await catalog.status();
    print(formatPlan(status, chooseMerge(status.segments, policy)));
    return;
  }
  const target = { index, catalog, store: await ports.openStore(options) };
  const merger = new Merger({
    policy,
    mergeLarge: mergeInThread(),
    ...(options.memory === undefined ? {} : { memoryBytes: options.memory }),
  });
  let merges = 0;
  for (
    let merged = await merger.mergeOnce(target);
    merged !== null;
    merged = await merger.mergeOnce(target)
  ) {
    merges += 1;
    const { replaced, generation, live, sizeBytes } = merged;
    print(
      `${describeSegments(replaced.length)} became one of ${formatDocuments(live)} and ${formatCount(sizeBytes)} bytes, generation ${generation}.`,
    );
  }
  const status = await catalog.status();
  if (merges === 0) print(explainNothing(status, chooseMerge(status.segments, policy)));
  print(`${index}: ${describeSegments(status.segments.length)}, ${formatDocuments(status.documents)}.`);
}

function formatPlan(status: CatalogStatus, chosen: readonly LiveSegment[]): string {
  if (chosen.length === 0) return explainNothing(status, chosen);
  const ids = new Set(chosen.map(({ segmentId }) => segmentId));
  const rows = status.segments.map(({ segmentId, documents, tombstones, sizeBytes }) => [
    segmentId.slice(0, 12),
    formatCount(documents),
    documents === 0 ? "" : `${Math.round((100 * tombstones) / documents)} %`,
    formatCount(sizeBytes),
    ids.has(segmentId) ? (chosen.length === 1 ? "rewritten" : "merged") : "",
  ]);
  const columns = [
    { name: "segment" },
    { name: "documents", isNumber: true },
    { name: "dead", isNumber: true },
    { name: "bytes", isNumber: true },
    { name: "" },
  ];
  const sizeBytes = chosen.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  return [
    formatTable(columns, rows),
    `${describeSegments(chosen.length)} of ${formatCount(sizeBytes)} bytes would become one first.`,
  ].join("\n");
}

function explainNothing({ segments }: CatalogStatus, chosen: readonly LiveSegment[]): string {
  if (chosen.length === 0) {
    return `There is nothing to merge: ${describeSegments(segments.length)}, none with too many dead documents.`;
  }
  return "Nothing was merged: another process was first, or KV does not show the deletions yet. Run it again in a minute.";
}

function describeSegments(count: number): string {
  return `${count} ${count === 1 ? "segment" : "segments"}`;
}

function parseSegments(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > 64) {
    throw new InvalidArgumentError("It is a whole number from 1 to 64.");
  }
  return count;
}

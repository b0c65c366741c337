/**
 * From HTTP to searchable, without a model: documents through the Worker, the queue, one or two consumers with BM25, KV
 * and the catalog, all as processes on this machine. Three questions: how many documents a second, how long after the
 * 202 one is found, and what KV and SQS cost at which batch size. Clients, emulators and workerd share the cores with
 * what is measured.
 */
import { readWordNet } from "../../batch/corpus/wordnet.ts";
import { formatTable } from "../../batch/inspect/table.ts";
import { FaultStack } from "../support/fault-stack.ts";
import { buildIfStale } from "../support/local-stack.ts";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "./benchmark.ts";
import { measureBatchCost } from "./ingest/batch-cost.ts";
import { measureFreshness } from "./ingest/freshness.ts";
import { measureThroughput } from "./ingest/throughput.ts";

const DEFAULT_DOCUMENTS = 60_000;
const CONSUMERS = [1, 2];
/** Documents for each batch size: enough for some merges, few enough for the smallest. */
const COST_RUNS: readonly (readonly [batch: number, documents: number])[] = [
  [10, 500],
  [100, 5000],
  [1000, 20_000],
  [10_000, 40_000],
];

export const benchmark: Benchmark = {
  options: {
    documents: `documents of the throughput runs (${DEFAULT_DOCUMENTS.toLocaleString("en")})`,
    parts: "of throughput, freshness, cost (all)",
    seconds: "how long freshness is measured (40)",
    scale: "factor on the documents of the cost runs (1)",
    profile: "folder for CPU profiles of all processes (none)",
  },
  run,
};

async function run(options: BenchmarkOptions): Promise<BenchmarkReport> {
  buildIfStale();
  const parts = (options.parts ?? "throughput,freshness,cost").split(",");
  const count = Number(options.documents ?? DEFAULT_DOCUMENTS);
  const scale = Number(options.scale ?? 1);
  const corpus = (await readWordNet()).map(({ id, title, text }) => ({ id, title, text }));
  const tables: string[] = [];
  const result: Record<string, unknown> = { corpus: "WordNet 3.1 glosses", encoder: "bm25" };
  const { profile } = options;
  const nodeFlags = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];

  if (parts.includes("throughput")) {
    const rows = [];
    for (const consumers of CONSUMERS) {
      const stack = await start(consumers, [], nodeFlags);
      try {
        rows.push({ consumers, ...(await measureThroughput(stack, corpus, count)) });
      } finally {
        await stack.end("orderly");
      }
    }
    result.throughput = rows;
    tables.push(
      formatTable(
        [
          { name: "consumers" },
          ...["documents", "accepted/s", "committed/s", "searchable/s", "CPU s by process"].map(number),
        ],
        rows.map((row) => [
          `${row.consumers}`,
          `${row.documents}`,
          row.acceptedPerSecond.toFixed(0),
          row.committedPerSecond.toFixed(0),
          row.searchablePerSecond.toFixed(0),
          Object.entries(row.cpuSeconds)
            .map(([name, seconds]) => `${name} ${seconds.toFixed(1)}`)
            .join(", "),
        ]),
      ),
    );
  }
  if (parts.includes("freshness")) {
    const stack = await start(1, [], nodeFlags);
    try {
      const measured = await measureFreshness(stack, corpus, Number(options.seconds ?? 40));
      result.freshness = measured;
      tables.push(
        formatTable(
          [{ name: "from the 202 until" }, ...["p50 s", "p99 s", "requests"].map(number)],
          (
            [
              ["committed: found with minGeneration", measured.committed],
              ["found by every reader", measured.visible],
            ] as const
          ).map(([name, { p50, p99, samples }]) => [name, p50.toFixed(2), p99.toFixed(2), `${samples}`]),
        ),
      );
    } finally {
      await stack.end("orderly");
    }
  }
  if (parts.includes("cost")) {
    const rows = [];
    for (const [batch, documents] of COST_RUNS) {
      const stack = await start(1, ["--flush-documents", `${batch}`], nodeFlags);
      try {
        rows.push({
          batch,
          ...(await measureBatchCost(stack, corpus, Math.round(documents * scale), batch)),
        });
      } finally {
        await stack.end("orderly");
      }
    }
    result.cost = rows;
    tables.push(
      formatTable(
        [
          { name: "batch", isNumber: true },
          ...["documents", "commits", "merges", "KV writes", "deletes", "reads", "SQS requests"].map(number),
          { name: "$ per 1,000 documents", isNumber: true },
          { name: "API requests", isNumber: true },
        ],
        rows.map((row) => [
          `${row.batch}`,
          `${row.documents}`,
          `${row.commits}`,
          `${row.merges}`,
          ...[row.writesPer1000, row.deletesPer1000, row.readsPer1000, row.sqsRequestsPer1000].map((each) =>
            each.toFixed(2),
          ),
          row.dollarsPer1000.toFixed(6),
          `${row.apiRequests}`,
        ]),
      ),
      "KV and SQS columns are per 1,000 documents; merges, and the deletion of what they replaced, are in them.",
    );
  }
  return { table: tables.join("\n\n"), result };
}

const number = (name: string) => ({ name, isNumber: true });

async function start(
  consumers: number,
  args: readonly string[],
  nodeFlags: readonly string[],
): Promise<FaultStack> {
  const stack = await FaultStack.start({
    consumers,
    consumerArgs: ["--metrics-port", "0", ...args],
    withProxies: false,
    nodeFlags,
  });
  await stack.waitUntilConsuming();
  return stack;
}

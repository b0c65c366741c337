/**
 * `npm run bench -- peers`: other engines and the forty lines over one collection: same vectors, same queries, one
 * thread, each in a process of its own, one after the other. A peer that is not installed or fails is named.
 */
import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "../benchmark.ts";
import {
  type CollectionMeta,
  collectionFolder,
  peersFolder,
  readMeta,
} from "../collections/read-collection.ts";
import { type Contender, listContenders } from "./contenders.ts";
import type { EngineRow } from "./engine.ts";
import { ensureExactResults } from "./exact-results.ts";
import { formatRows } from "./format-rows.ts";
import { INSTALL_PEERS } from "./peer-packages.ts";

const run = promisify(execFile);
const DEFAULT_BUDGET_SECONDS = 30;
const DEFAULT_LIMIT_MINUTES = 30;

export const benchmark: Benchmark = {
  options: {
    collection: "name or folder of an encoded collection (windows)",
    engines: "comma-separated (all that are installed)",
    budget: `about the seconds that a set of queries may take an engine (${DEFAULT_BUDGET_SECONDS})`,
    limit: `minutes after which an engine is stopped, its build counted (${DEFAULT_LIMIT_MINUTES})`,
    recall: "what approximate engines must find of the exact hits (0.99)",
  },
  run: compare,
};

interface Skipped {
  readonly engine: string;
  readonly reason: string;
}

async function compare(options: BenchmarkOptions): Promise<BenchmarkReport> {
  const name = options.collection ?? "windows";
  const budget = Number(options.budget ?? DEFAULT_BUDGET_SECONDS);
  const recall = options.recall ?? "0.99";
  const limit = Number(options.limit ?? DEFAULT_LIMIT_MINUTES);
  const meta = readMeta(name);
  const folder = collectionFolder(name);
  const wanted = options.engines?.split(",");
  const named = listContenders().filter((contender) => wanted?.includes(contender.name) ?? true);
  const skipped: Skipped[] = named.flatMap((contender) => {
    const reason = whyNot(contender, meta);
    return reason === null ? [] : [{ engine: contender.name, reason }];
  });
  for (const { engine, reason } of skipped) console.error(`skipped: ${engine}: ${reason}`);
  if (skipped.length > 0) console.error(`to install peers:\n  ${INSTALL_PEERS.join("\n  ")}`);
  const contenders = named.filter((contender) => whyNot(contender, meta) === null);
  console.error(
    `about ${expectedMinutes(contenders, meta, peersFolder(folder, meta), budget).toFixed(0)} minutes`,
  );
  ensureExactResults(name);
  const rows: EngineRow[] = [];
  for (const contender of contenders) {
    console.error(`${contender.name} …`);
    try {
      rows.push(...(await runContender(contender, folder, { budget, recall, limit })));
    } catch (error) {
      const reason = reasonOf(error);
      console.error(`failed: ${contender.name}: ${reason}`);
      skipped.push({ engine: contender.name, reason });
    }
  }
  const { documents, statistics, model, queries } = meta;
  return {
    table: [
      `${meta.name}: ${documents} documents, ${statistics.postings} postings; k = 10, one thread`,
      formatRows(rows, statistics.postings),
      ...skipped.map(({ engine, reason }) => `skipped: ${engine}: ${reason}`),
    ].join("\n"),
    result: {
      collection: { name: meta.name, documents, postings: statistics.postings, model, queries },
      budgetSeconds: budget,
      pinned: hasTaskset(),
      rows,
      skipped,
    },
  };
}

function whyNot({ missing, maxDocuments }: Contender, { documents }: CollectionMeta): string | null {
  if (missing !== null) return missing;
  return documents > (maxDocuments ?? Number.POSITIVE_INFINITY)
    ? `building takes too long with more than ${maxDocuments} documents`
    : null;
}

/** Each set is timed once, and a sweep of settings takes as long again. */
function expectedMinutes(
  contenders: readonly Contender[],
  { statistics }: CollectionMeta,
  folder: string,
  budgetSeconds: number,
): number {
  const seconds = contenders.map(({ name, cached, secondsPerMillionPostings: { build, load } }) => {
    const isBuilt = cached.length > 0 && cached.every((file) => existsSync(join(folder, file)));
    const passes = name === "seismic" ? 8 : name === "bmp" ? 6 : 2;
    return (statistics.postings / 1e6) * (isBuilt ? load : build) + passes * budgetSeconds;
  });
  return seconds.reduce((sum, each) => sum + each, 0) / 60;
}

async function runContender(
  { command, name }: Contender,
  folder: string,
  { budget, recall, limit }: { readonly budget: number; readonly recall: string; readonly limit: number },
): Promise<EngineRow[]> {
  const isPython = command[1]!.endsWith(".py");
  const args = isPython
    ? [folder, "--budget", `${budget}`, ...(name === "seismic" ? ["--recall", recall] : [])]
    : [folder, `${budget}`];
  const pinned = hasTaskset() ? ["taskset", "-c", "0"] : [];
  const [program, ...rest] = [...pinned, ...command, ...args];
  const env = { ...process.env, RAYON_NUM_THREADS: "1", OMP_NUM_THREADS: "1" };
  const { stdout } = await run(program!, rest, { env, maxBuffer: 1 << 26, timeout: limit * 60_000 });
  return stdout
    .trim()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as EngineRow);
}

function hasTaskset(): boolean {
  return spawnSync("taskset", ["-V"]).status === 0;
}

/** The last words of a program that failed. */
function reasonOf(error: unknown): string {
  const { stderr, message, killed } = error as { stderr?: string; message: string; killed?: boolean };
  if (killed) return "stopped at its time limit";
  const lines = stderr?.trim().split("\n") ?? [];
  return lines.findLast((line) => /error|panicked/i.test(line)) ?? (lines.at(-1) || message);
}

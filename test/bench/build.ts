/**
 * `npm run bench -- build`: from vectors to one segment, as a bulk load does it: documents become segments of a publish
 * each, and the merger makes one of them with a bounded memory, through its scratch folder and in its thread, in the order
 * given and clustered. The store reads from files and forgets what is written, so that the figures are of the building.
 * Each step is a process, whose memory is its own; that of the first holds the benchmark's arrays besides.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { formatTable } from "../../batch/inspect/table.ts";
import { parseMemory } from "../../batch/publish/merge-budget.ts";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "./benchmark.ts";
import type { BuildSpec, BuildStep } from "./build-process.ts";
import { readMeta } from "./collections/read-collection.ts";
import { toColumns } from "./query.ts";

const run = promisify(execFile);
const DEFAULT_SEGMENT_DOCUMENTS = 10_000;
const DEFAULT_MEMORY = "512m";
/** As they are, and of about 150 postings: two and three neighbours joined by turns. */
const DEFAULT_JOINED = "1,2.5";
const ORDERS = ["given", "clustered"] as const;

/** For a million documents of 150 postings: minutes in each order, and bytes. */
const GOAL_MINUTES = { given: 4, clustered: 12 } as const;
const GOAL_RESIDENT_BYTES = 2e9;

export const benchmark: Benchmark = {
  options: {
    collection: "name or folder of an encoded collection (windows)",
    documents: "the first so many only (all)",
    segment: `documents of a published segment (${DEFAULT_SEGMENT_DOCUMENTS})`,
    memory: `what a merge may take of memory (${DEFAULT_MEMORY})`,
    joined: `neighbours of which a document is made on average, comma-separated cases (${DEFAULT_JOINED})`,
  },
  run: benchBuild,
};

interface Row extends BuildStep {
  readonly joined: number;
  readonly step: string;
}

async function benchBuild(options: BenchmarkOptions): Promise<BenchmarkReport> {
  const collection = options.collection ?? "windows";
  const { model } = readMeta(collection);
  const memory = options.memory ?? DEFAULT_MEMORY;
  const segmentDocuments = Number(options.segment ?? DEFAULT_SEGMENT_DOCUMENTS);
  const rows: Row[] = [];
  for (const joined of (options.joined ?? DEFAULT_JOINED).split(",").map(Number)) {
    const folder = mkdtempSync(join(tmpdir(), "lzero-bench-build-"));
    const measure = async (step: string, spec: BuildSpec) => {
      console.error(`${joined === 1 ? "" : `${joined} joined: `}${step} …`);
      rows.push({ joined, step, ...(await runStep(spec)) });
    };
    try {
      await measure(`segments of ${segmentDocuments}`, {
        step: "segments",
        folder,
        collection,
        documents: options.documents === undefined ? null : Number(options.documents),
        segmentDocuments,
        joined,
      });
      for (const order of ORDERS) {
        const memoryBytes = parseMemory(memory);
        await measure(`merged to one, ${order}`, { step: "merge", folder, order, memoryBytes });
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return {
    table: [
      `${collection}, model ${model.name}; merges with ${memory} in a thread, one at a time; texts are in the documents`,
      formatRows(rows),
      ...describeJoined(rows),
      ...compareWithGoals(rows),
    ].join("\n"),
    result: { collection: { name: collection, model }, memory, segmentDocuments, rows },
  };
}

async function runStep(spec: BuildSpec): Promise<BuildStep> {
  const program = fileURLToPath(new URL("build-process.js", import.meta.url));
  const { stdout } = await run(process.execPath, ["--enable-source-maps", program, JSON.stringify(spec)]);
  return JSON.parse(stdout) as BuildStep;
}

function formatRows(rows: readonly Row[]): string {
  const names = ["step", "documents", "postings each", "seconds", "read + merge + write"];
  const figures = ["documents/s", "M postings/s", "posting bytes/posting", "MB", "MB resident"];
  return formatTable(
    toColumns([...names, ...figures], 1),
    rows.map(({ joined, step, phases, ...row }) => [
      joined === 1 ? step : `${joined} joined, ${step}`,
      `${row.documents}`,
      (row.postings / row.documents).toFixed(1),
      row.seconds.toFixed(1),
      phases === null
        ? ""
        : [phases.read, phases.merge, phases.write].map((each) => each.toFixed(1)).join(" + "),
      (row.documents / row.seconds).toFixed(0),
      (row.postings / row.seconds / 1e6).toFixed(2),
      (row.postingBytes / row.postings).toFixed(3),
      (row.sizeBytes / 1e6).toFixed(0),
      (row.maxResidentBytes / 1e6).toFixed(0),
    ]),
  );
}

function describeJoined(rows: readonly Row[]): string[] {
  if (rows.every(({ joined }) => joined === 1)) return [];
  return [
    "joined: no real collection here has documents so long, so each is made of a real one and the next one or two, their",
    "vectors joined by maximum, their texts one after another. Neighbours share vectors, so lists are denser than real ones.",
  ];
}

/** Of the segments and the merge together, as a load of a million documents would take. */
function compareWithGoals(rows: readonly Row[]): string[] {
  return ORDERS.flatMap((order) =>
    rows
      .filter(({ step, joined }) => joined > 1 && step.endsWith(order))
      .map((merged) => {
        const built = rows.find(({ joined, phases }) => joined === merged.joined && phases === null)!;
        const minutes = (built.seconds + merged.seconds) / 60;
        const resident = `${(merged.maxResidentBytes / 1e9).toFixed(2)} GB of ${GOAL_RESIDENT_BYTES / 1e9}`;
        return `${order}: ${minutes.toFixed(1)} minutes for ${merged.documents} documents, goal ${GOAL_MINUTES[order]} for a million; ${resident}`;
      }),
  );
}

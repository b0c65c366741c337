/**
 * `npm run bench -- NAME [options]`: one benchmark. They are run by hand on a quiet machine and are no tests; each
 * prints a table and writes a file that names commit, machine, input and command.
 *
 * Another one is a module that exports `benchmark: Benchmark` and a line in the list below.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Benchmark } from "./benchmark.ts";
import { describeCommit, describeMachine } from "./machine.ts";

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<{ readonly benchmark: Benchmark }>;
}

/** Imported only when named: none needs what another one installs. */
const BENCHMARKS: Readonly<Record<string, Entry>> = {
  collections: {
    summary: "makes the encoded collections that other benchmarks read, and says what they are like",
    load: () => import("./collections/benchmark.ts"),
  },
  ingest: {
    summary: "from HTTP to searchable without a model: documents/s, time from the 202, what KV and SQS cost",
    load: () => import("./ingest.ts"),
  },
  http: {
    summary: "the built Worker in workerd over loopback: cold, filling and warm, at 1 and 8 connections",
    load: () => import("./http.ts"),
  },
  peers: {
    summary:
      "other engines over one collection: seismic, bmp, FTS5, MiniSearch, EdgeVec, Zvec, and the forty lines",
    load: () => import("./peers/benchmark.ts"),
  },
  query: {
    summary:
      "our engine against the forty lines: time, posting reads, all reads, by impact bits and algorithm",
    load: () => import("./query.ts"),
  },
  equality: {
    summary:
      "the engine held against the forty lines on random queries of a collection: hits, order and scores",
    load: () => import("./equality.ts"),
  },
  codec: {
    summary: "the posting list codec: bytes against entropy, encoding, decoding, accumulating",
    load: () => import("./codec.ts"),
  },
  layouts: {
    summary:
      "the laboratory: reads, bytes, rounds, time and dollars of layouts, by document order and page size",
    load: () => import("./layouts/benchmark.ts"),
  },
  replay: {
    summary:
      "queries by Zipf's law through isolate cache, data centre cache and KV: hits, billed reads, dollars",
    load: () => import("./replay/benchmark.ts"),
  },
  build: {
    summary: "building segments and merging them: documents/s, postings/s, memory",
    load: () => import("./build.ts"),
  },
  encode: {
    summary: "documents/s, tokens/s, padding and memory of document encoders, ours and others",
    load: () => import("./encode.ts"),
  },
  quantization: {
    summary: "NDCG@10 that 8-bit impacts cost on a collection",
    load: () => import("./quantization.ts"),
  },
};

const RESULTS = fileURLToPath(new URL("../../test/bench/results", import.meta.url));

async function main([name, ...args]: readonly string[]): Promise<number> {
  const entry = name === undefined || !Object.hasOwn(BENCHMARKS, name) ? undefined : BENCHMARKS[name];
  if (name === undefined || entry === undefined) {
    console.error(`npm run bench -- NAME [options]; --help shows a benchmark's options\n`);
    for (const [each, { summary }] of Object.entries(BENCHMARKS))
      console.error(`  ${each.padEnd(14)}${summary}`);
    return 2;
  }
  const { benchmark } = await entry.load();
  const { help, ...options } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(
        Object.keys(benchmark.options).map((each) => [each, { type: "string" as const }]),
      ),
      out: { type: "string" },
      help: { type: "boolean" },
    },
  }).values as Record<string, string | undefined> & { help?: boolean };
  const out = resolve(options.out ?? join(RESULTS, `${name}.json`));
  if (help) {
    const lines = { ...benchmark.options, out: `results file (test/bench/results/${name}.json)` };
    console.log(`npm run bench -- ${name} [options]: ${entry.summary}\n`);
    for (const [each, text] of Object.entries(lines)) console.log(`  --${each.padEnd(16)} ${text}`);
    return 0;
  }
  // Of before: the load that the benchmark itself makes says nothing.
  const machine = describeMachine();
  const { table, result } = await benchmark.run(options);
  console.log(`\n${table}`);
  const command = ["npm run bench --", name, ...args].join(" ");
  const record = { command, commit: describeCommit(), machine, ...result };
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(record, null, 2)}\n`);
  console.log(`written: ${out}`);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));

/**
 * `npm run bench -- http`: the built Worker in workerd with an encoded collection in its KV, asked over loopback. Cold:
 * the first request that a new process answers. Filling: the queries once, in an isolate that has answered none. Warm:
 * the same queries again. KV is Miniflare's, on this machine's disk: the times say nothing of Cloudflare's network.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EdgeProcessConfig, startEdge } from "../../batch/dev/edge-process.ts";
import { packageRoot } from "../../batch/encoders/open-encoder.ts";
import { formatTable } from "../../batch/inspect/table.ts";
import { KvRestStore } from "../../batch/storage/kv-rest-store.ts";
import { buildIfStale } from "../support/local-stack.ts";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "./benchmark.ts";
import { QUERY_SETS, type QuerySet } from "./collections/query-sets.ts";
import { openCollection, readQueries } from "./collections/read-collection.ts";
import { type LoadFigures, loadTest } from "./http/load-test.ts";
import { publishCollection } from "./http/publish-collection.ts";
import { evenSteps, quantile } from "./peers/timing.ts";

const INDEX = "bench";
const NAMESPACE_ID = "b".repeat(32);
const ACCOUNT_ID = "a".repeat(32);
const API_TOKEN = "benchmark-token-of-no-use";

export const benchmark: Benchmark = {
  options: {
    collection: "an encoded collection (wordnet)",
    documents: "the first so many of it (all)",
    segment: "documents of a segment (200000)",
    queries: "of each set, at even steps (500)",
    connections: "comma-separated (1,8)",
    starts: "processes that are started for the cold figure (10)",
    limit: "seconds that a pass over the queries may take (30)",
  },
  run,
};

interface Row extends LoadFigures {
  readonly set: QuerySet;
  readonly state: "cold" | "filling" | "warm";
  readonly connections: number;
}

async function run(options: BenchmarkOptions): Promise<BenchmarkReport> {
  const name = options.collection ?? "wordnet";
  const collection = openCollection(name, Number(options.documents ?? Number.POSITIVE_INFINITY));
  const documents = collection.vectors.indptr.length - 1;
  const count = Number(options.queries ?? 500);
  const limit = Number(options.limit ?? 30);
  const starts = Number(options.starts ?? 10);
  const connectionCounts = (options.connections ?? "1,8").split(",").map(Number);
  buildIfStale();
  const stateFolder = mkdtempSync(join(tmpdir(), "lzero-http-"));
  const config: EdgeProcessConfig = {
    port: await freePort(),
    kvPort: 0,
    workerFolder: join(packageRoot(), "dist/worker"),
    compatibilityDate: "2026-04-15",
    stateFolder,
    accountId: ACCOUNT_ID,
    namespaceId: NAMESPACE_ID,
    apiToken: API_TOKEN,
    bindings: {},
  };
  const rows: Row[] = [];
  let indexBytes = 0;
  try {
    indexBytes = await load(config, await publish(collection, options));
    for (const set of QUERY_SETS) {
      const queries = readQueries(name, set);
      const paths = evenSteps(queries.length, count).map(
        (at) => `/v1/indexes/${INDEX}/search?k=10&q=${encodeURIComponent(queries[at]!.text)}`,
      );
      rows.push({ set, state: "cold", connections: 1, ...(await timeFirst(config, paths.slice(0, starts))) });
      for (const connections of connectionCounts) {
        rows.push(...(await timeOne(config, set, paths, connections, limit)));
      }
    }
  } finally {
    rmSync(stateFolder, { recursive: true, force: true });
  }
  return {
    table: [
      `${name}: ${documents} documents, ${collection.vectors.terms.length} postings, ${indexBytes} bytes in KV; k = 10`,
      formatRows(rows),
    ].join("\n"),
    result: {
      collection: {
        name,
        documents,
        postings: collection.vectors.terms.length,
        model: collection.meta.model,
      },
      indexBytes,
      rows,
    },
  };
}

async function publish(
  collection: ReturnType<typeof openCollection>,
  { segment }: BenchmarkOptions,
): Promise<Awaited<ReturnType<typeof publishCollection>>> {
  console.error("publishing …");
  return publishCollection(collection, INDEX, Number(segment ?? 200_000));
}

/** Puts the index into the KV that the Worker reads. @returns its bytes */
async function load(
  config: EdgeProcessConfig,
  entries: Awaited<ReturnType<typeof publishCollection>>,
): Promise<number> {
  console.error(`loading ${entries.length} values into KV …`);
  const edge = await startEdge(config);
  try {
    const baseUrl = `http://127.0.0.1:${edge.kvPort}/client/v4`;
    const { accountId, namespaceId, apiToken } = config;
    await new KvRestStore({ baseUrl, accountId, namespaceId, apiToken }).write(entries);
  } finally {
    await edge.stop();
  }
  return entries.reduce((sum, { value }) => sum + value.length, 0);
}

/** The first request of as many processes. */
async function timeFirst(config: EdgeProcessConfig, paths: readonly string[]): Promise<LoadFigures> {
  const firsts: LoadFigures[] = [];
  for (const path of paths) {
    const edge = await startEdge(config);
    try {
      firsts.push(await loadTest(edge.port, [path], 1, 60));
    } finally {
      await edge.stop();
    }
  }
  const times = firsts.map(({ max }) => max).sort((a, b) => a - b);
  const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;
  return {
    requests: firsts.length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    max: times.at(-1)!,
    requestsPerSecond: 1000 / mean(times),
    kvReads: mean(firsts.map(({ kvReads }) => kvReads)),
    bytes: mean(firsts.map(({ bytes }) => bytes)),
  };
}

/** One process: the queries as they fill its cache, then again. */
async function timeOne(
  config: EdgeProcessConfig,
  set: QuerySet,
  paths: readonly string[],
  connections: number,
  limitSeconds: number,
): Promise<Row[]> {
  const edge = await startEdge(config);
  try {
    const filling = await loadTest(edge.port, paths, connections, limitSeconds);
    const warm = await loadTest(edge.port, paths, connections, limitSeconds);
    return [
      { set, state: "filling", connections, ...filling },
      { set, state: "warm", connections, ...warm },
    ];
  } finally {
    await edge.stop();
  }
}

function formatRows(rows: readonly Row[]): string {
  const columns = [
    "queries",
    "isolate",
    "connections",
    "requests",
    "p50 ms",
    "p99 ms",
    "max ms",
    "a second",
    "KV reads",
  ];
  const cells = rows.map(
    ({ set, state, connections, requests, p50, p99, max, requestsPerSecond, kvReads }) => [
      set,
      state,
      String(connections),
      String(requests),
      ...[p50, p99, max, requestsPerSecond, kvReads].map((figure) => figure.toFixed(2)),
    ],
  );
  return formatTable(
    columns.map((column, at) => ({ name: column, isNumber: at > 1 })),
    cells,
  );
}

/** A port that nobody listens on: the guard before the Worker must know its own. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("a port was asked for");
  return address.port;
}

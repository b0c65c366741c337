/**
 * `npm run bench -- replay`: what queries cost once caches are filled: real queries drawn by Zipf's law, their real pages,
 * the Worker's own isolate cache, and the caches around it as `scenarios.ts` assumes them.
 */
import { CACHE_BUDGET_BYTES } from "../../../workers/isolate-cache.ts";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "../benchmark.ts";
import { randomOf } from "../collections/random.ts";
import { openCollection } from "../collections/read-collection.ts";
import { fitCpu } from "../layouts/cpu.ts";
import { markdownTable } from "../layouts/markdown.ts";
import { READ_TIMES } from "../layouts/model.ts";
import { clusteredOrder, givenOrder, reorderLists } from "../layouts/orders.ts";
import { encodeRecords, reorderRecords } from "../layouts/records.ts";
import { buildSegment, LabIndex, type Trace } from "../layouts/segments.ts";
import { spreadOf } from "../layouts/statistics.ts";
import { invert } from "../peers/inverted-lists.ts";
import { openPool } from "./pool.ts";
import { type ReplayedPage, type ReplayedQuery, type ReplayResult, replay } from "./replay.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";
import { zipfRanks } from "./zipf.ts";

const DEFAULT_QUERIES = 100_000;
const DEFAULT_EXPONENT = 0.9;
const DEFAULT_DOCUMENT_KIB = "64,256,512,1024";
/** As workers/search/query-model.ts and workers/isolate-root-cache.ts count what they hold decoded. */
const DECODED_TABLES_BYTES = 1024 * 1024;
const DECODED_TERM_BYTES = 28;
const DECODED_PAGE_BYTES = 128;
const SEED = 5;

export const benchmark: Benchmark = {
  options: {
    collection: "name or folder of an encoded collection (windows)",
    documents: "the first so many only (all)",
    queries: `how many are replayed (${DEFAULT_QUERIES})`,
    zipf: `exponent of their popularity (${DEFAULT_EXPONENT})`,
    pages: `document pages, KiB, comma-separated (${DEFAULT_DOCUMENT_KIB})`,
    order: "given or clustered (clustered)",
  },
  run,
};

interface ReplayRow extends ReplayResult {
  readonly documentKiB: number;
  readonly scenario: string;
  readonly hasEdge: boolean;
}

async function run(options: BenchmarkOptions): Promise<BenchmarkReport> {
  const name = options.collection ?? "windows";
  const collection = openCollection(
    name,
    options.documents === undefined ? undefined : Number(options.documents),
  );
  const pool = await openPool(collection);
  const drawn = draw(
    pool.queries.length,
    Number(options.queries ?? DEFAULT_QUERIES),
    Number(options.zipf ?? DEFAULT_EXPONENT),
  );
  const distinct = [...new Set(drawn)];
  const given = invert(collection);
  const order =
    options.order === "given" ? givenOrder(given.documents) : clusteredOrder(given, collection.folder);
  const lists = reorderLists(given, order);
  const records = reorderRecords(encodeRecords(collection), order);
  const rows: ReplayRow[] = [];
  let cold: object | null = null;
  for (const documentKiB of (options.pages ?? DEFAULT_DOCUMENT_KIB).split(",").map(Number)) {
    const segment = buildSegment(lists, records, { documentPageBytes: documentKiB * 1024 });
    const index = new LabIndex(segment, collection.meta.maxWeight);
    const traces = new Map<number, Trace>();
    for (const at of distinct) traces.set(at, await index.trace(pool.queries[at]!));
    const cpu = fitCpu([...traces.values()]);
    cold ??= describeCold(traces);
    const head = firstPhases(index, pool.tablesBytes, segment.pages[0]!.length);
    const stream = drawn.map((at) => toReplayed(traces.get(at)!, head));
    for (const scenario of SCENARIOS) {
      for (const hasEdge of [false, true]) {
        const result = replay(stream, {
          scenario,
          hasEdge,
          isolateBytes: CACHE_BUDGET_BYTES,
          manifestBytes: index.manifestBytes,
          cpu,
          random: randomOf(SEED),
        });
        rows.push({ documentKiB, scenario: scenario.name, hasEdge, ...result });
      }
    }
  }
  return {
    table: [
      `${name}: ${given.documents} documents; ${drawn.length} queries of ${pool.queries.length}, ${distinct.length} of them distinct; simulated`,
      formatRows(rows),
    ].join("\n\n"),
    result: {
      collection: {
        name,
        documents: given.documents,
        postings: given.ordinals.length,
        model: collection.meta.model,
      },
      queries: drawn.length,
      pool: pool.queries.length,
      distinct: distinct.length,
      zipf: Number(options.zipf ?? DEFAULT_EXPONENT),
      readTimes: READ_TIMES,
      scenarios: SCENARIOS,
      cold,
      rows,
    },
  };
}

function draw(pool: number, count: number, exponent: number): number[] {
  const next = zipfRanks(pool, exponent, randomOf(SEED));
  return Array.from({ length: count }, next);
}

/** What a query of the stream reads that has nothing: to hold the caches against. */
function describeCold(traces: ReadonlyMap<number, Trace>): object {
  const all = [...traces.values()];
  return {
    postings: spreadOf(all.map(({ postings }) => postings.length)),
    documents: spreadOf(all.map(({ documents }) => documents.length)),
    postingsDecoded: spreadOf(all.map(({ postingsDecoded }) => postingsDecoded)),
  };
}

function firstPhases(index: LabIndex, tablesBytes: number, rootBytes: number): ReplayedPage[][] {
  const { root } = index;
  const rootHeld = root.termCount * DECODED_TERM_BYTES + root.pages * DECODED_PAGE_BYTES;
  return [
    [{ key: "tables", sizeBytes: tablesBytes, heldBytes: tablesBytes + DECODED_TABLES_BYTES }],
    // The value and what is decoded of it.
    [{ key: "root", sizeBytes: rootBytes, heldBytes: rootBytes + rootHeld }],
  ];
}

function toReplayed({ pages, postingsDecoded }: Trace, head: readonly ReplayedPage[][]): ReplayedQuery {
  const phase = (isDocuments: boolean) =>
    pages
      .filter((page) => page.isDocuments === isDocuments)
      .map(({ page, sizeBytes }) => ({ key: `${page}`, sizeBytes }));
  return { phases: [...head, phase(false), phase(true)], postings: postingsDecoded };
}

function formatRows(rows: readonly ReplayRow[]): string {
  const described = (name: string): Scenario => SCENARIOS.find((each) => each.name === name)!;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return markdownTable(
    [
      "document pages",
      "scenario",
      "locations × isolates, minutes, queries/s",
      "Cache API",
      "isolate hits",
      "edge hits",
      "billed/query",
      "of them manifests",
      "last third",
      "ms p50",
      "ms p99",
      "$/M",
    ],
    rows.map((row) => {
      const { locations, isolates, lifetimeMinutes, queriesPerSecond } = described(row.scenario);
      return [
        `${row.documentKiB} KiB`,
        row.scenario,
        `${locations} × ${isolates}, ${lifetimeMinutes}, ${queriesPerSecond}`,
        row.hasEdge ? "yes" : "no",
        percent(row.isolateHits),
        percent(row.edgeHits),
        row.billed.toFixed(2),
        row.billedManifests.toFixed(2),
        row.billedByThird[2]!.toFixed(2),
        row.ms.p50.toFixed(0),
        row.ms.p99.toFixed(0),
        row.dollars.toFixed(2),
      ];
    }),
    4,
  );
}

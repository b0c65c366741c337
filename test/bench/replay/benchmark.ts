/**
 * `npm run bench -- replay`: what queries cost once caches are filled: real queries drawn by Zipf's law, the pages that
 * they need, the Worker's own isolate cache, and the caches around it as `scenarios.ts` assumes them. Hits and postings are
 * of real searches; which values hold them is computed for each layout, as the segment assembly would write it.
 */
import {
  DOCUMENT_PAGE_BYTES,
  LARGE_LIST_BYTES,
  LIST_PART_BYTES,
  POSTING_PAGE_BYTES,
} from "../../../shared/format/limits.ts";
import { CACHE_BUDGET_BYTES } from "../../../workers/isolate-cache.ts";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "../benchmark.ts";
import { randomOf } from "../collections/random.ts";
import { openCollection } from "../collections/read-collection.ts";
import { fitCpu } from "../layouts/cpu.ts";
import { listLengths } from "../layouts/lab.ts";
import { type ListLayout, packLists, valuesUnder } from "../layouts/layouts.ts";
import { markdownTable } from "../layouts/markdown.ts";
import { READ_TIMES } from "../layouts/model.ts";
import { clusteredOrder, givenOrder, reorderLists } from "../layouts/orders.ts";
import {
  type DocumentPages,
  encodeRecords,
  pageDocuments,
  pageNumbersUnder,
  reorderRecords,
} from "../layouts/records.ts";
import { buildSegment, LabIndex, type Trace } from "../layouts/segments.ts";
import { spreadOf } from "../layouts/statistics.ts";
import { invert } from "../peers/inverted-lists.ts";
import { openPool } from "./pool.ts";
import { type ReplayedPage, type ReplayedQuery, type ReplayResult, replay } from "./replay.ts";
import { SCENARIOS } from "./scenarios.ts";
import { zipfRanks } from "./zipf.ts";

const KIB = 1024;
const DEFAULT_QUERIES = 100_000;
const DEFAULT_EXPONENT = 0.9;
/** As workers/search/query-model.ts and workers/isolate-root-cache.ts count what they hold decoded. */
const DECODED_TABLES_BYTES = 1024 * KIB;
const DECODED_TERM_BYTES = 28;
const DECODED_PAGE_BYTES = 128;
const SEED = 5;

export const benchmark: Benchmark = {
  options: {
    collection: "name or folder of an encoded collection (windows)",
    documents: "the first so many only (all)",
    queries: `how many are replayed (${DEFAULT_QUERIES})`,
    zipf: `exponent of their popularity (${DEFAULT_EXPONENT})`,
    pages: `KiB of document pages and packs, e.g. 64/128,512/64 (${DOCUMENT_PAGE_BYTES / KIB}/${POSTING_PAGE_BYTES / KIB})`,
    order: "given or clustered (clustered)",
  },
  run,
};

interface ReplayRow extends ReplayResult {
  readonly documentKiB: number;
  readonly packKiB: number;
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
  const exponent = Number(options.zipf ?? DEFAULT_EXPONENT);
  const drawn = draw(pool.queries.length, Number(options.queries ?? DEFAULT_QUERIES), exponent);
  const given = invert(collection);
  const order =
    options.order === "given" ? givenOrder(given.documents) : clusteredOrder(given, collection.folder);
  const lists = reorderLists(given, order);
  const records = reorderRecords(encodeRecords(collection), order);
  const index = new LabIndex(buildSegment(lists, records), collection.meta.maxWeight);
  const traces = new Map<number, Trace>();
  for (const at of new Set(drawn)) traces.set(at, await index.trace(pool.queries[at]!));
  const cpu = fitCpu([...traces.values()]);
  const lengths = listLengths(lists);
  const head = firstPhases(index, pool.tablesBytes);
  const rows: ReplayRow[] = [];
  for (const { documentKiB, packKiB } of parseLayouts(options.pages)) {
    const packed = packLists(lengths, {
      largeBytes: LARGE_LIST_BYTES,
      packBytes: packKiB * KIB,
      partBytes: LIST_PART_BYTES,
    });
    const pages = pageDocuments(records.ends, documentKiB * KIB);
    const replayed = new Map(
      Array.from(traces, ([at, trace]) => [
        at,
        toReplayed(pool.queries[at]!.terms, trace, head, packed, pages),
      ]),
    );
    const stream = drawn.map((at) => replayed.get(at)!);
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
        rows.push({ documentKiB, packKiB, scenario: scenario.name, hasEdge, ...result });
      }
    }
  }
  const { model } = collection.meta;
  return {
    table: [
      `${name}: ${given.documents} documents; ${drawn.length} queries of ${pool.queries.length} by Zipf's law (${exponent}), ${traces.size} of them distinct; simulated`,
      formatRows(rows),
    ].join("\n\n"),
    result: {
      collection: { name, documents: given.documents, postings: given.ordinals.length, model },
      queries: drawn.length,
      pool: pool.queries.length,
      distinct: traces.size,
      zipf: exponent,
      postingsDecoded: spreadOf(Array.from(traces.values(), ({ postingsDecoded }) => postingsDecoded)),
      cpu,
      readTimes: READ_TIMES,
      scenarios: SCENARIOS,
      rows,
    },
  };
}

function draw(pool: number, count: number, exponent: number): number[] {
  return Array.from({ length: count }, zipfRanks(pool, exponent, randomOf(SEED)));
}

function parseLayouts(pages: string | undefined): { documentKiB: number; packKiB: number }[] {
  const all = pages ?? `${DOCUMENT_PAGE_BYTES / KIB}/${POSTING_PAGE_BYTES / KIB}`;
  return all.split(",").map((each) => {
    const [documentKiB = 0, packKiB = POSTING_PAGE_BYTES / KIB] = each.split("/").map(Number);
    return { documentKiB, packKiB };
  });
}

function firstPhases({ root, rootBytes }: LabIndex, tablesBytes: number): ReplayedPage[][] {
  const decodedBytes = root.termCount * DECODED_TERM_BYTES + root.pages * DECODED_PAGE_BYTES;
  return [
    [{ key: "tables", sizeBytes: tablesBytes, heldBytes: tablesBytes + DECODED_TABLES_BYTES }],
    // The value and what is decoded of it.
    [{ key: "root", sizeBytes: rootBytes, heldBytes: rootBytes + decodedBytes }],
  ];
}

function toReplayed(
  terms: readonly number[],
  { hits, postingsDecoded }: Trace,
  head: readonly ReplayedPage[][],
  packed: ListLayout,
  pages: DocumentPages,
): ReplayedQuery {
  const postings = valuesUnder(terms, packed).map((value) => ({
    key: `postings ${value}`,
    sizeBytes: packed.sizes[value]!,
  }));
  const documents = pageNumbersUnder(hits, pages).map((page) => ({
    key: `documents ${page}`,
    sizeBytes: pages.sizes[page]!,
  }));
  return { phases: [...head, postings, documents], postings: postingsDecoded };
}

function formatRows(rows: readonly ReplayRow[]): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return markdownTable(
    [
      "documents, packs",
      "scenario",
      "locations × isolates, minutes, queries/s",
      "Cache API",
      "isolate hits",
      "edge hits",
      "billed/query",
      "of them manifests",
      "last third",
      "CPU ms",
      "ms p50",
      "ms p99",
      "$/M",
    ],
    rows.map((row) => {
      const scenario = SCENARIOS.find(({ name }) => name === row.scenario)!;
      const { locations, isolates, lifetimeMinutes, queriesPerSecond } = scenario;
      return [
        `${row.documentKiB}, ${row.packKiB} KiB`,
        row.scenario,
        `${locations} × ${isolates}, ${lifetimeMinutes}, ${queriesPerSecond}`,
        row.hasEdge ? "yes" : "no",
        percent(row.isolateHits),
        percent(row.edgeHits),
        row.billed.toFixed(2),
        row.billedManifests.toFixed(2),
        row.billedByThird[2]!.toFixed(2),
        row.cpuMs.mean.toFixed(2),
        row.ms.p50.toFixed(0),
        row.ms.p99.toFixed(0),
        row.dollars.toFixed(2),
      ];
    }),
    4,
  );
}

/**
 * `npm run bench -- query`: the engine's own time for a query, and what it reads. Time: from the query vector to the
 * ordered hits, pages in memory and found right, in turns with the forty lines over the same postings, one thread.
 * Reads: posting pages of a query and their bytes, and the rounds of six reads that they take. What documents cost is
 * measured by the laboratory (`npm run bench -- layouts`).
 */
import { type Column, formatTable } from "../../batch/inspect/table.ts";
import { MAX_READS_AT_ONCE } from "../../shared/query/segment-source.ts";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "./benchmark.ts";
import { type BenchQuery, QUERY_SETS, type QuerySet } from "./collections/query-sets.ts";
import { openCollection, readQueries } from "./collections/read-collection.ts";
import type { SearchEngine } from "./peers/engine.ts";
import { openFortyLines } from "./peers/forty-lines.ts";
import { type LzeroEngine, openLzero } from "./peers/lzero.ts";
import { quantile } from "./peers/timing.ts";

const PASSES = 3;
const DEFAULT_QUERIES = 1000;

export const benchmark: Benchmark = {
  options: {
    collection: "name or folder of an encoded collection (windows)",
    documents: "the first so many only (all)",
    queries: `of each set (${DEFAULT_QUERIES})`,
    bits: "impact bits of our engine, comma-separated (8,5)",
  },
  run: benchQuery,
};

interface TimeRow {
  readonly engine: string;
  readonly set: string;
  readonly bytesPerPosting: number;
  readonly p50: number;
  readonly p99: number;
  readonly mean: number;
  /** Of the forty lines' time to ours. */
  readonly ratioP50: number;
  readonly ratioP99: number;
}

async function benchQuery(options: BenchmarkOptions): Promise<BenchmarkReport> {
  const name = options.collection ?? "windows";
  const collection = openCollection(
    name,
    options.documents === undefined ? undefined : Number(options.documents),
  );
  const documents = collection.vectors.indptr.length - 1;
  const postings = collection.vectors.terms.length;
  const queries = Number(options.queries ?? DEFAULT_QUERIES);
  const bits = (options.bits ?? "8,5").split(",").map(Number);
  const ours = bits.map((each) => openLzero(collection, each));
  const rows = timeEngines([openFortyLines(collection), ...ours], name, bits, postings, queries);
  const reads = ours.flatMap((engine) => QUERY_SETS.map((set) => countReads(engine, name, set, queries)));
  return {
    table: [
      `${name}: ${documents} documents, ${postings} postings; k = 10, one thread, milliseconds`,
      formatTable(
        toColumns(["engine", "queries", "bytes/posting", "p50", "p99", "mean", "× p50", "× p99"], 2),
        rows.map((row) => [
          row.engine,
          row.set,
          row.bytesPerPosting.toFixed(3),
          ...[row.p50, row.p99, row.mean].map((ms) => ms.toFixed(3)),
          row.ratioP50.toFixed(2),
          row.ratioP99.toFixed(2),
        ]),
      ),
      "",
      "posting pages of a query that has none of them yet, and bytes",
      formatReads(reads),
    ].join("\n"),
    result: { collection: { name, documents, postings, model: collection.meta.model }, queries, rows, reads },
  };
}

interface ReadRow {
  readonly engine: string;
  readonly set: string;
  readonly terms: Quantiles;
  readonly reads: Quantiles;
  readonly rounds: Quantiles;
  readonly bytes: Quantiles;
  /** Of all postings of the query's lists, those that were decoded. */
  readonly decodedShare: number;
}

interface Quantiles {
  readonly p50: number;
  readonly p99: number;
}

function countReads(engine: LzeroEngine, name: string, set: QuerySet, queries: number): ReadRow {
  const chosen = readQueries(name, set).slice(0, queries);
  const costs = chosen.map((query) => engine.costOf(query));
  const of = (value: (cost: (typeof costs)[number]) => number): Quantiles => {
    const sorted = costs.map(value).sort((a, b) => a - b);
    return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
  };
  const sum = (value: (cost: (typeof costs)[number]) => number) =>
    costs.reduce((total, cost) => total + value(cost), 0);
  return {
    engine: engine.settings,
    set,
    terms: of(({ terms }) => terms),
    reads: of(({ reads }) => reads),
    rounds: of(({ reads }) => Math.ceil(reads / MAX_READS_AT_ONCE)),
    bytes: of(({ bytes }) => bytes),
    decodedShare: sum(({ decoded }) => decoded) / sum(({ postings }) => postings),
  };
}

function formatReads(rows: readonly ReadRow[]): string {
  return formatTable(
    toColumns(
      ["engine", "queries", "terms p50", "reads p50", "p99", "rounds p50", "p99", "KB p50", "p99", "decoded"],
      2,
    ),
    rows.map(({ engine, set, terms, reads, rounds, bytes, decodedShare }) => [
      engine,
      set,
      `${terms.p50}`,
      ...[reads, rounds].flatMap(({ p50, p99 }) => [`${p50}`, `${p99}`]),
      ...[bytes.p50, bytes.p99].map((each) => (each / 1024).toFixed(0)),
      `${(100 * decodedShare).toFixed(0)} %`,
    ]),
  );
}

/** The first `texts` columns are texts, the others numbers. */
export function toColumns(names: readonly string[], texts: number): Column[] {
  return names.map((name, at) => ({ name, isNumber: at >= texts }));
}

function timeEngines(
  engines: readonly SearchEngine[],
  name: string,
  bits: readonly number[],
  postings: number,
  queries: number,
): TimeRow[] {
  return QUERY_SETS.flatMap((set) => {
    const chosen = readQueries(name, set).slice(0, queries);
    checkEqual(engines, chosen, bits);
    const times = timeInTurns(engines, chosen);
    const bar = times[0]!;
    return engines.map((engine, at): TimeRow => {
      const sorted = times[at]!;
      const [p50, p99] = [quantile(sorted, 0.5), quantile(sorted, 0.99)];
      return {
        engine: `${engine.engine}, ${engine.settings}`,
        set,
        bytesPerPosting: engine.bytes! / postings,
        p50,
        p99,
        mean: sorted.reduce((sum, ms) => sum + ms, 0) / sorted.length,
        ratioP50: quantile(bar, 0.5) / p50,
        ratioP99: quantile(bar, 0.99) / p99,
      };
    });
  });
}

/** At 8 bits the hits are those of the forty lines; otherwise a benchmark would time a wrong answer. */
function checkEqual(
  engines: readonly SearchEngine[],
  queries: readonly BenchQuery[],
  bits: readonly number[],
): void {
  const at = bits.indexOf(8) + 1;
  if (at === 0) return;
  for (const query of queries) {
    const [expected, actual] = [engines[0]!.search(query).join(), engines[at]!.search(query).join()];
    if (expected !== actual)
      throw new Error(`hits ${actual}, expected ${expected} for ${JSON.stringify(query)}`);
  }
}

/** @returns for each engine the median time of each query, ascending */
function timeInTurns(engines: readonly SearchEngine[], queries: readonly BenchQuery[]): number[][] {
  for (const engine of engines) for (const query of queries) engine.search(query);
  const times = engines.map(() => queries.map((): number[] => []));
  for (let pass = 0; pass < PASSES; pass++) {
    engines.forEach((engine, at) => {
      queries.forEach((query, which) => {
        const startMs = performance.now();
        engine.search(query);
        times[at]![which]!.push(performance.now() - startMs);
      });
    });
  }
  const medians = times.map((ofEngine) =>
    ofEngine.map((each) =>
      quantile(
        each.toSorted((a, b) => a - b),
        0.5,
      ),
    ),
  );
  return medians.map((each) => each.sort((a, b) => a - b));
}

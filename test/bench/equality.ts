/**
 * `npm run bench -- equality`: the long run of the tests that hold the engine, with either kernel, against exhaustive
 * scoring. Queries of
 * random terms of a collection, drawn by how often they occur or evenly, with weights as IDF makes them, all equal, or
 * far apart, for k from 1 to 1,000. It ends with an error at the first hit, order or score that differs.
 */
import { formatTable } from "../../batch/inspect/table.ts";
import { openWasmKernel } from "../../batch/query/wasm-kernel.ts";
import { createPlainKernel } from "../../shared/query/kernel/plain-kernel.ts";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "./benchmark.ts";
import type { BenchQuery } from "./collections/query-sets.ts";
import { randomOf } from "./collections/random.ts";
import { openCollection } from "./collections/read-collection.ts";
import { searchExhaustively } from "./peers/forty-lines.ts";
import { type InvertedLists, invert } from "./peers/inverted-lists.ts";
import { openLzero } from "./peers/lzero.ts";
import { toColumns } from "./query.ts";

const KS = [1, 10, 100, 1000];
const DEFAULT_QUERIES = 100_000;
const MAX_TERMS = 24;

export const benchmark: Benchmark = {
  options: {
    collections: "names or folders, comma-separated (scifact,cranfield,wordnet)",
    queries: `over all collections (${DEFAULT_QUERIES})`,
    seed: "of the queries (1)",
  },
  run: compare,
};

async function compare(options: BenchmarkOptions): Promise<BenchmarkReport> {
  const names = (options.collections ?? "scifact,cranfield,wordnet").split(",");
  const each = Math.ceil(Number(options.queries ?? DEFAULT_QUERIES) / names.length);
  const rows = names.map((name, at) => compareOn(name, each, Number(options.seed ?? 1) + at));
  return {
    table: formatTable(
      toColumns(
        ["collection", "documents", "queries", "hits compared", "postings decoded", "differences"],
        1,
      ),
      rows.map((row) => [
        row.name,
        `${row.documents}`,
        `${row.queries}`,
        `${row.hits}`,
        `${(100 * row.decodedShare).toFixed(0)} %`,
        "0",
      ]),
    ),
    result: { rows, ks: KS },
  };
}

function compareOn(name: string, queries: number, seed: number) {
  const collection = openCollection(name);
  const lists = invert(collection);
  const engines = [openLzero(collection, 8, createPlainKernel()), openLzero(collection, 8, openWasmKernel())];
  const accumulators = new Int32Array(lists.documents);
  const random = randomOf(seed);
  const draw = { byPosting: drawByPosting(lists), evenly: drawEvenly(lists) };
  let hits = 0;
  let decoded = 0;
  let postings = 0;
  for (let done = 0; done < queries; done++) {
    const query = makeQuery(lists, random, random() < 0.5 ? draw.byPosting : draw.evenly);
    const k = KS[done % KS.length]!;
    const expected = searchExhaustively(lists, query, accumulators, k);
    for (const engine of engines) {
      const actual = engine.hits(query, k);
      if (
        actual.ordinals.join() !== expected.ordinals.join() ||
        actual.scores.join() !== expected.scores.join()
      ) {
        const text = JSON.stringify({ query, expected, actual });
        throw new Error(`${name}, ${engine.settings}, seed ${seed}, query ${done}, k ${k}: ${text}`);
      }
    }
    hits += expected.ordinals.length;
    if (done % 100 === 0) {
      const cost = engines[1]!.costOf(query);
      decoded += cost.decoded;
      postings += cost.postings;
    }
  }
  return { name, documents: lists.documents, queries, hits, decodedShare: decoded / postings };
}

type Draw = (random: () => number) => number;

function drawByPosting({ offsets, ordinals }: InvertedLists): Draw {
  return (random) => {
    const posting = Math.floor(random() * ordinals.length);
    let [low, high] = [0, offsets.length - 1];
    while (low + 1 < high) {
      const middle = (low + high) >>> 1;
      if (offsets[middle]! <= posting) low = middle;
      else high = middle;
    }
    return low;
  };
}

function drawEvenly({ offsets }: InvertedLists): Draw {
  const present = Array.from(offsets.keys()).filter((term) => (offsets[term + 1] ?? 0) > offsets[term]!);
  return (random) => present[Math.floor(random() * present.length)]!;
}

function makeQuery({ documents, offsets }: InvertedLists, random: () => number, draw: Draw): BenchQuery {
  const terms = new Set<number>();
  const size = 1 + Math.floor(MAX_TERMS * random() ** 2);
  while (terms.size < size) terms.add(draw(random));
  const sorted = [...terms].sort((a, b) => a - b);
  const kind = random();
  const weights = sorted.map((term) => {
    if (kind < 0.2) return 256;
    if (kind < 0.4) return 1 + Math.floor(10_000 * random() ** 4);
    return Math.max(1, Math.round(256 * Math.log(documents / (offsets[term + 1]! - offsets[term]!))));
  });
  return { text: "", terms: sorted, weights };
}

/**
 * `npm run bench -- codec`: the posting list codec on a collection's real lists. Bytes a posting against what coding
 * each gap and impact at its entropy would take, and the speed of encoding, of decoding into arrays and of decoding
 * into accumulators: of all lists once, most of them short and none in the processor's cache, and of the lists of long
 * queries, as often as these ask for them. Nothing is read or sorted.
 */

import { formatTable } from "../../batch/inspect/table.ts";
import { openWasmKernel } from "../../batch/query/wasm-kernel.ts";
import { ByteWriter } from "../../shared/format/bytes.ts";
import {
  decodePostings,
  encodePostingList,
  openPostings,
  type PostingListPlace,
  WINDOW_ORDINALS,
  type WindowedPostings,
} from "../../shared/format/posting-list.ts";
import { RUN_SLACK_BYTES } from "../../shared/format/posting-run.ts";
import type { WindowKernel } from "../../shared/query/kernel/kernel.ts";
import { createPlainKernel } from "../../shared/query/kernel/plain-kernel.ts";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "./benchmark.ts";
import type { BenchQuery } from "./collections/query-sets.ts";
import { openCollection, readQueries } from "./collections/read-collection.ts";
import { entropyBound } from "./entropy-bound.ts";
import { type InvertedLists, invert } from "./peers/inverted-lists.ts";
import { requantize } from "./peers/lzero.ts";
import { toColumns } from "./query.ts";

const BITS = [8, 6, 5, 4];
const PASSES = 3;
/** Long queries whose lists are added. */
const QUERIES = 300;

export const benchmark: Benchmark = {
  options: {
    collection: "name or folder of an encoded collection (windows)",
    documents: "the first so many only (all)",
  },
  run: benchCodec,
};

interface Row {
  readonly impactBits: number;
  readonly bytesPerPosting: number;
  /** Σ log2 C(N, df) and the order-0 entropy of impacts, in bytes a posting. */
  readonly boundBytesPerPosting: number;
  readonly overBound: number;
  readonly encodeMillionPerSecond: number;
  readonly decodeMillionPerSecond: number;
  /** All lists, window by window. */
  readonly accumulateMillionPerSecond: KernelSpeeds;
  /** The lists of queries, one query after another. */
  readonly queryMillionPerSecond: KernelSpeeds;
}

interface KernelSpeeds {
  readonly plain: number;
  readonly wasm: number;
}

async function benchCodec({
  collection: name = "windows",
  documents,
}: BenchmarkOptions): Promise<BenchmarkReport> {
  const collection = openCollection(name, documents === undefined ? undefined : Number(documents));
  const postings = collection.vectors.terms.length;
  const queries = readQueries(name, "long").slice(0, QUERIES);
  const rows = BITS.map((impactBits): Row => {
    const impacts = requantize(collection.weights, collection.meta.maxWeight, impactBits);
    return measure(invert({ ...collection, impacts }), impactBits, queries);
  });
  const documentCount = collection.vectors.indptr.length - 1;
  return {
    table: [
      `${name}: ${documentCount} documents, ${postings} postings; one thread`,
      formatTable(
        toColumns(
          [
            "bits",
            "bytes/posting",
            "entropy",
            "over",
            "encode M/s",
            "decode M/s",
            "all lists M/s",
            "compiled",
            "queries' lists M/s",
            "compiled",
          ],
          0,
        ),
        rows.map((row) => [
          `${row.impactBits}`,
          row.bytesPerPosting.toFixed(3),
          row.boundBytesPerPosting.toFixed(3),
          `${(100 * row.overBound).toFixed(1)} %`,
          row.encodeMillionPerSecond.toFixed(1),
          row.decodeMillionPerSecond.toFixed(0),
          ...[row.accumulateMillionPerSecond, row.queryMillionPerSecond]
            .flatMap(({ plain, wasm }) => [plain, wasm])
            .map((speed) => speed.toFixed(0)),
        ]),
      ),
    ].join("\n"),
    result: { collection: { name, documents: documentCount, postings, model: collection.meta.model }, rows },
  };
}

function measure(lists: InvertedLists, impactBits: number, queries: readonly BenchQuery[]): Row {
  const { documents, offsets, ordinals, impacts } = lists;
  const postings = ordinals.length;
  const writer = new ByteWriter(postings * 2);
  const starts: number[] = [];
  const encodeStartMs = performance.now();
  for (let term = 0; term + 1 < offsets.length; term++) {
    starts.push(writer.length);
    encodePostingList(writer, ordinals, impacts, offsets[term]!, offsets[term + 1]!, documents);
  }
  const encodeMs = performance.now() - encodeStartMs;
  const bytes = writer.length;
  const payload = new Uint8Array(bytes + RUN_SLACK_BYTES);
  payload.set(writer.view());
  const places = new Map<number, PostingListPlace>();
  for (let term = 0; term + 1 < offsets.length; term++) {
    const documentFrequency = offsets[term + 1]! - offsets[term]!;
    if (documentFrequency === 0) continue;
    const offset = starts[term]!;
    const length = (starts[term + 1] ?? bytes) - offset;
    let maxImpact = 0;
    for (let at = offsets[term]!; at < offsets[term + 1]!; at++)
      maxImpact = Math.max(maxImpact, impacts[at]!);
    const parts = [{ key: `term ${term}`, payload, offset, length }];
    places.set(term, { formatVersion: 2, parts, documentFrequency, maxImpact, documents });
  }
  const decodeMs = bestOf(() => {
    for (const place of places.values()) decodePostings(place);
  });
  const opened = new Map(Array.from(places, ([term, place]) => [term, openPostings(place)]));
  const all = [...opened.values()];
  const ofQueries = queries.map(({ terms }) => terms.flatMap((term) => opened.get(term) ?? []));
  const postingsOfQueries = queries
    .flatMap(({ terms }) => terms)
    .reduce((sum, term) => sum + (places.get(term)?.documentFrequency ?? 0), 0);
  const { bits } = entropyBound(lists);
  const bound = bits / 8 / postings;
  return {
    impactBits,
    bytesPerPosting: bytes / postings,
    boundBytesPerPosting: bound,
    overBound: bytes / postings / bound - 1,
    encodeMillionPerSecond: postings / encodeMs / 1000,
    decodeMillionPerSecond: postings / decodeMs / 1000,
    accumulateMillionPerSecond: speedsOf(postings, (kernel) => accumulateAll(kernel, all, documents)),
    queryMillionPerSecond: speedsOf(postingsOfQueries, (kernel) => {
      for (const each of ofQueries) accumulateAll(kernel, each, documents);
    }),
  };
}

function speedsOf(postings: number, add: (kernel: WindowKernel) => void): KernelSpeeds {
  const [plain, wasm] = [createPlainKernel(), openWasmKernel()].map(
    (kernel) => postings / bestOf(() => add(kernel)) / 1000,
  );
  return { plain: plain!, wasm: wasm! };
}

/** Sums are not cleared: they wrap, and are of no interest. */
function accumulateAll(kernel: WindowKernel, lists: readonly WindowedPostings[], documents: number): void {
  for (let window = 0; window * WINDOW_ORDINALS < documents; window++) {
    kernel.prepare(Math.min(WINDOW_ORDINALS, documents - window * WINDOW_ORDINALS));
    for (const list of lists) kernel.add(list, window, 1);
  }
}

/** Milliseconds of the fastest pass, after one to warm up. */
function bestOf(work: () => void): number {
  work();
  let best = Number.POSITIVE_INFINITY;
  for (let pass = 0; pass < PASSES; pass++) {
    const startMs = performance.now();
    work();
    best = Math.min(best, performance.now() - startMs);
  }
  return best;
}

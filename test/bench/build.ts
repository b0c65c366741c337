/**
 * `npm run bench -- build`: from vectors to one segment, as a bulk load does it: documents become segments of a publish
 * each, and segments are merged to one, in the order given and clustered. One thread; texts are left out, so that the
 * figures are of postings. Memory is the highest resident set of the process, all benchmark arrays included.
 */
import { formatTable } from "../../batch/inspect/table.ts";
import { type MergeInput, mergeSegments } from "../../shared/format/merge-segments.ts";
import { decodeSegmentRoot } from "../../shared/format/segment-reader.ts";
import { encodeSegment, type SegmentDocument } from "../../shared/format/segment-writer.ts";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "./benchmark.ts";
import { type BenchCollection, openCollection } from "./collections/read-collection.ts";
import { toColumns } from "./query.ts";

const DEFAULT_SEGMENT_DOCUMENTS = 10_000;
const ORDERS = ["given", "clustered"] as const;

export const benchmark: Benchmark = {
  options: {
    collection: "name or folder of an encoded collection (windows)",
    documents: "the first so many only (all)",
    segment: `documents of a published segment (${DEFAULT_SEGMENT_DOCUMENTS})`,
  },
  run: benchBuild,
};

interface Step {
  readonly step: string;
  readonly seconds: number;
  readonly documentsPerSecond: number;
  readonly millionPostingsPerSecond: number;
  readonly bytesPerPosting: number;
  readonly residentMegabytes: number;
}

async function benchBuild(options: BenchmarkOptions): Promise<BenchmarkReport> {
  const name = options.collection ?? "windows";
  const collection = openCollection(
    name,
    options.documents === undefined ? undefined : Number(options.documents),
  );
  const documents = collection.vectors.indptr.length - 1;
  const postings = collection.vectors.terms.length;
  const size = Number(options.segment ?? DEFAULT_SEGMENT_DOCUMENTS);
  const steps: Step[] = [];
  const measure = <Result>(step: string, work: () => Result, bytesOf: (result: Result) => number): Result => {
    const startMs = performance.now();
    const result = work();
    const seconds = (performance.now() - startMs) / 1000;
    steps.push({
      step,
      seconds,
      documentsPerSecond: documents / seconds,
      millionPostingsPerSecond: postings / seconds / 1e6,
      bytesPerPosting: bytesOf(result) / postings,
      residentMegabytes: process.resourceUsage().maxRSS / 1024,
    });
    return result;
  };
  const inputs = measure(
    `segments of ${size}`,
    () => buildSegments(collection, size),
    (segments) => segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  );
  for (const order of ORDERS) {
    measure(
      `merged to one, ${order}`,
      () => mergeSegments("f".repeat(32), inputs, { order }).segment,
      ({ sizeBytes }) => sizeBytes,
    );
  }
  return {
    table: [
      `${name}: ${documents} documents, ${postings} postings, ${inputs.length} segments; one thread`,
      formatTable(
        toColumns(
          [
            "step",
            "seconds",
            "documents/s",
            "M postings/s",
            "bytes/posting, documents' frames in",
            "MB resident",
          ],
          1,
        ),
        steps.map((step) => [
          step.step,
          step.seconds.toFixed(1),
          step.documentsPerSecond.toFixed(0),
          step.millionPostingsPerSecond.toFixed(2),
          step.bytesPerPosting.toFixed(3),
          step.residentMegabytes.toFixed(0),
        ]),
      ),
    ].join("\n"),
    result: { collection: { name, documents, postings, model: collection.meta.model }, steps },
  };
}

function buildSegments(collection: BenchCollection, size: number): (MergeInput & { sizeBytes: number })[] {
  const documents = collection.vectors.indptr.length - 1;
  const inputs: (MergeInput & { sizeBytes: number })[] = [];
  for (let first = 0; first < documents; first += size) {
    const segmentId = inputs.length.toString(16).padStart(32, "0");
    const { pages, sizeBytes } = encodeSegment(
      segmentId,
      documentsOf(collection, first, Math.min(documents, first + size)),
    );
    const root = decodeSegmentRoot(pages[0]!, segmentId, `bench/${segmentId}/0`);
    inputs.push({ root, pages, tombstones: new Uint32Array(0), sizeBytes });
  }
  return inputs;
}

function documentsOf(
  { vectors, impacts, own }: BenchCollection,
  first: number,
  end: number,
): SegmentDocument[] {
  return Array.from({ length: end - first }, (_, at) => {
    const ordinal = first + at;
    const [from, to] = [vectors.indptr[ordinal]!, vectors.indptr[ordinal + 1]!];
    return {
      id: `${ordinal}`,
      version: 1,
      fields: { title: null, text: "", url: null, metadata: null },
      termIds: Uint32Array.from(vectors.terms.subarray(from, to)),
      impacts: impacts.subarray(from, to),
      ownTermIds: Uint32Array.from(own.terms.subarray(own.indptr[ordinal]!, own.indptr[ordinal + 1]!)),
    };
  });
}

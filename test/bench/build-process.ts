/**
 * One step of the build benchmark in a process of its own, so that its memory is its own. In: a JSON argument. Out: a line
 * of JSON on standard output. Segments lie in a folder, a file each, between the steps.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CatalogPort } from "../../batch/catalog-port.ts";
import { FileSpool } from "../../batch/publish/file-spool.ts";
import { mergeInThread } from "../../batch/publish/merge-thread.ts";
import { Merger } from "../../batch/publish/merger.ts";
import { PageFileWriter, StoredPageReader } from "../../batch/publish/stored-merge.ts";
import type { LiveSegment } from "../../shared/catalog/commands.ts";
import { PAGE_KIND } from "../../shared/format/page.ts";
import { encodeSegment, type SegmentDocument } from "../../shared/format/segment-writer.ts";
import type { PageEntry, PageStore } from "../../shared/storage/page-store.ts";
import {
  type BenchCollection,
  collectionFolder,
  FILES,
  openCollection,
} from "./collections/read-collection.ts";
import { joinDocuments } from "./join-documents.ts";

export type BuildSpec = { readonly folder: string } & (
  | {
      readonly step: "segments";
      readonly collection: string;
      readonly documents: number | null;
      readonly segmentDocuments: number;
      /** Each document is made of so many neighbours, on average; 1: as they are. */
      readonly joined: number;
    }
  | { readonly step: "merge"; readonly order: "given" | "clustered"; readonly memoryBytes: number }
);

export interface BuildStep {
  readonly seconds: number;
  /** Of it: pages into the scratch folder, the merge, pages out of it. */
  readonly phases: { readonly read: number; readonly merge: number; readonly write: number } | null;
  readonly documents: number;
  readonly postings: number;
  readonly segments: number;
  /** Of posting pages. */
  readonly postingBytes: number;
  readonly sizeBytes: number;
  readonly maxResidentBytes: number;
}

interface StoredSegment extends LiveSegment {
  readonly starts: number[];
  readonly sizes: number[];
}

const INDEX = "bench";

async function main(spec: BuildSpec): Promise<void> {
  const step = spec.step === "segments" ? buildSegments(spec) : await mergeAll(spec);
  const maxResidentBytes = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(`${JSON.stringify({ ...step, maxResidentBytes } satisfies BuildStep)}\n`);
}

type Measured = Omit<BuildStep, "maxResidentBytes">;

function buildSegments(spec: BuildSpec & { step: "segments" }): Measured {
  const collection = openCollection(spec.collection, spec.documents ?? undefined);
  const textOf = openTexts(spec.collection);
  const documents = collection.vectors.indptr.length - 1;
  const segments: StoredSegment[] = [];
  let seconds = 0;
  let postings = 0;
  let sizeBytes = 0;
  const counter = new PageCounter();
  for (let first = 0; first < documents; first += spec.segmentDocuments) {
    const end = Math.min(documents, first + spec.segmentDocuments);
    const made = documentsOf(collection, textOf, first, end, spec.joined);
    const segmentId = segments.length.toString(16).padStart(32, "0");
    const startMs = performance.now();
    const encoded = encodeSegment(segmentId, made);
    seconds += (performance.now() - startMs) / 1000;
    const file = new FileSpool(join(spec.folder, segmentId));
    const writer = new PageFileWriter(file);
    for (const [page, value] of encoded.pages.entries()) {
      writer.add(page, value);
      counter.add(value);
    }
    const { starts, sizes } = writer.end();
    file.close();
    postings += encoded.postings;
    sizeBytes += encoded.sizeBytes;
    segments.push({
      segmentId,
      pages: encoded.pages.length,
      documents: encoded.documents,
      tombstones: 0,
      sizeBytes: encoded.sizeBytes,
      starts: [...starts],
      sizes: [...sizes],
    });
  }
  writeFileSync(join(spec.folder, "segments.json"), JSON.stringify({ postings, segments }));
  const { postingBytes } = counter;
  return {
    seconds,
    phases: null,
    documents,
    postings,
    segments: segments.length,
    postingBytes,
    sizeBytes,
  };
}

async function mergeAll({ folder, order, memoryBytes }: BuildSpec & { step: "merge" }): Promise<Measured> {
  const stored = JSON.parse(readFileSync(join(folder, "segments.json"), "utf8")) as {
    postings: number;
    segments: StoredSegment[];
  };
  const counter = new PageCounter();
  const target = {
    index: INDEX,
    catalog: stubCatalog(stored.segments),
    store: openStore(folder, stored.segments, counter),
  };
  const atMs: Record<string, number> = { start: performance.now() };
  const merger = new Merger({
    policy: { maxLive: 1, maxMergeBytes: Number.POSITIVE_INFINITY, maxTombstoneShare: 1, minDeadBytes: 0 },
    clusterFromDocuments: order === "clustered" ? 0 : Number.POSITIVE_INFINITY,
    memoryBytes,
    mergeLarge: mergeInThread(),
    newSegmentId: () => "f".repeat(32),
    onStep: (step) => {
      atMs[step] = performance.now();
    },
  });
  const merged = await merger.mergeOnce(target);
  if (merged === null) throw new Error("nothing was merged");
  const between = (from: string, to: string) => (atMs[to]! - atMs[from]!) / 1000;
  return {
    seconds: between("start", "committed"),
    phases: {
      read: between("start", "merge-read"),
      merge: between("merge-read", "merged"),
      write: between("merged", "committed"),
    },
    documents: merged.documents,
    postings: stored.postings,
    segments: 1,
    postingBytes: counter.postingBytes,
    sizeBytes: merged.sizeBytes,
  };
}

/** Sums pages by kind. */
class PageCounter {
  postingBytes = 0;

  add(value: Uint8Array): void {
    if (value[5] === PAGE_KIND.postings) this.postingBytes += value.length;
  }
}

/** A catalog that agrees to everything. */
function stubCatalog(segments: readonly LiveSegment[]): CatalogPort {
  const documents = segments.reduce((sum, segment) => sum + segment.documents, 0);
  return {
    status: async () => ({ segments, model: {}, generation: 1 }),
    stage: async () => ({ leaseUntilMs: 0 }),
    locate: async () => undefined,
    commit: async () => ({ generation: 2, live: documents, tombstoned: 0 }),
    abort: async () => undefined,
  } as unknown as CatalogPort;
}

/** Reads the files of a folder; what is written is counted and forgotten. */
function openStore(folder: string, segments: readonly StoredSegment[], counter: PageCounter): PageStore {
  const readers = new Map(
    segments.map(({ segmentId, starts, sizes }) => [
      segmentId,
      new StoredPageReader({
        path: join(folder, segmentId),
        starts: Float64Array.from(starts),
        sizes: Uint32Array.from(sizes),
      }),
    ]),
  );
  return {
    read: async (key) => {
      const [, segmentId, page] = key.split("/");
      return readers.get(segmentId!)?.at(Number(page)) ?? null;
    },
    write: async (entries: readonly PageEntry[]) => {
      for (const { value } of entries) counter.add(value);
    },
    delete: async () => undefined,
  };
}

/** Texts by ordinal, parsed when they are asked for. */
function openTexts(collection: string): (ordinal: number) => string {
  const bytes = readFileSync(join(collectionFolder(collection), FILES.documents));
  const starts: number[] = [];
  for (let at = 0; at < bytes.length; at = bytes.indexOf(0x0a, at) + 1) starts.push(at);
  return (ordinal) => {
    const line = bytes.toString("utf8", starts[ordinal]!, starts[ordinal + 1] ?? bytes.length);
    return (JSON.parse(line) as { text: string }).text;
  };
}

function documentsOf(
  { vectors, impacts, own }: BenchCollection,
  textOf: (ordinal: number) => string,
  first: number,
  end: number,
  joined: number,
): SegmentDocument[] {
  const documents = vectors.indptr.length - 1;
  const plain = (ordinal: number): SegmentDocument => {
    const [from, to] = [vectors.indptr[ordinal]!, vectors.indptr[ordinal + 1]!];
    return {
      id: `${ordinal}`,
      version: 1,
      fields: { title: null, text: textOf(ordinal), url: null, metadata: null },
      termIds: Uint32Array.from(vectors.terms.subarray(from, to)),
      impacts: impacts.subarray(from, to),
      ownTermIds: Uint32Array.from(own.terms.subarray(own.indptr[ordinal]!, own.indptr[ordinal + 1]!)),
    };
  };
  return Array.from({ length: end - first }, (_, at) => {
    const ordinal = first + at;
    const count = Math.floor((ordinal + 1) * joined) - Math.floor(ordinal * joined);
    return joinDocuments(Array.from({ length: count }, (_, next) => plain((ordinal + next) % documents)));
  });
}

await main(JSON.parse(process.argv[2]!) as BuildSpec);

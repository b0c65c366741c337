/**
 * Real segments of a laboratory's collection, and what real searches read of them: the trace of a query that has nothing
 * yet. In: lists and records. Out: values in memory, and the sizes that each query asked for.
 */
import { ByteWriter } from "../../../shared/format/bytes.ts";
import { encodeManifest, type Manifest } from "../../../shared/format/manifest.ts";
import { encodePostingList } from "../../../shared/format/posting-list.ts";
import {
  assembleSegment,
  type EncodedSegment,
  type SegmentOptions,
} from "../../../shared/format/segment-assembly.ts";
import { decodeSegmentRoot, type SegmentRoot } from "../../../shared/format/segment-reader.ts";
import { searchSegments } from "../../../shared/query/search.ts";
import { ReaderSegmentSource, type RootCache } from "../../../shared/query/segment-source.ts";
import { pageKey } from "../../../shared/storage/keys.ts";
import type { BenchQuery } from "../collections/query-sets.ts";
import type { InvertedLists } from "../peers/inverted-lists.ts";
import { K } from "./lab.ts";
import type { Phase } from "./model.ts";
import type { Records } from "./records.ts";

export const INDEX = "lab";
const SEGMENT_ID = "0".repeat(32);

/** Lists and records of the same order. */
export function buildSegment(
  lists: InvertedLists,
  records: Records,
  options: SegmentOptions = {},
): EncodedSegment {
  const { documents, offsets, ordinals, impacts } = lists;
  const present = Array.from({ length: offsets.length - 1 }, (_, term) => term).filter(
    (term) => offsets[term + 1]! > offsets[term]!,
  );
  const columns = {
    termIds: Uint32Array.from(present),
    documentFrequencies: Uint32Array.from(present, (term) => offsets[term + 1]! - offsets[term]!),
    // As many as are expected of a list's own words; the directory's size is all that depends on it.
    textFrequencies: Uint32Array.from(present, (term) => (offsets[term + 1]! - offsets[term]!) >>> 1),
    maxImpacts: new Uint8Array(present.length),
    lengths: new Uint32Array(present.length),
  };
  const writer = new ByteWriter(ordinals.length * 2);
  const cuts = new Map<number, number[]>();
  present.forEach((term, index) => {
    const before = writer.length;
    const [start, end] = [offsets[term]!, offsets[term + 1]!];
    const listCuts = encodePostingList(writer, ordinals, impacts, start, end, documents);
    if (listCuts.length > 0) cuts.set(index, listCuts);
    columns.maxImpacts[index] = impacts.subarray(start, end).reduce((most, each) => Math.max(most, each), 0);
    columns.lengths[index] = writer.length - before;
  });
  const content = {
    documents,
    columns,
    lists: writer.view(),
    cuts,
    records: records.bytes,
    recordEnds: records.ends,
  };
  return assembleSegment(SEGMENT_ID, content, options);
}

/** What a query asks for after the query tables. */
export interface Trace {
  readonly manifest: number;
  readonly root: number;
  readonly postings: Phase;
  readonly documents: Phase;
  readonly postingsDecoded: number;
  /** Keys of all posting and document pages, for caches. */
  readonly pages: readonly TracedPage[];
  /** Ordinals of the hits. */
  readonly hits: readonly number[];
  /** Of the search alone, pages found right before; of this machine, at its load. */
  readonly cpuMs: number;
}

export interface TracedPage {
  readonly page: number;
  readonly sizeBytes: number;
  readonly isDocuments: boolean;
}

/** Searches real values in memory. */
export class LabIndex {
  readonly root: SegmentRoot;
  readonly rootBytes: number;
  readonly manifestBytes: number;
  readonly #segment: EncodedSegment;
  readonly #manifest: Manifest;
  readonly #verified = new WeakSet<Uint8Array>();
  readonly #roots: RootCache;

  constructor(segment: EncodedSegment, maxWeight: number, impactBits = 8) {
    this.#segment = segment;
    this.#manifest = manifestOf(segment, maxWeight, impactBits);
    this.manifestBytes = encodeManifest(this.#manifest).length;
    const root = decodeSegmentRoot(segment.pages[0]!, SEGMENT_ID, pageKey(INDEX, SEGMENT_ID, 0));
    this.root = root;
    this.rootBytes = segment.pages[0]!.length;
    this.#roots = { get: () => root, set: () => undefined };
  }

  async trace({ terms, weights }: BenchQuery): Promise<Trace> {
    const pages: TracedPage[] = [];
    const reader = {
      read: async (key: string) => {
        const page = Number(key.slice(key.lastIndexOf("/") + 1));
        const value = this.#segment.pages[page] ?? null;
        pages.push({
          page,
          sizeBytes: value?.length ?? 0,
          isDocuments: this.root.pageEntry(page).kind === 3,
        });
        return value;
      },
    };
    const source = new ReaderSegmentSource(reader, INDEX, this.#roots, this.#verified);
    const query = {
      termIds: Uint32Array.from(terms),
      weights: Uint32Array.from(weights),
      tokens: terms.length,
      unknown: 0,
    };
    const startedMs = performance.now();
    const result = await searchSegments(source, this.#manifest, query, { k: K, offset: 0 });
    const cpuMs = performance.now() - startedMs;
    const sizes = (isDocuments: boolean) =>
      pages.filter((each) => each.isDocuments === isDocuments).map(({ sizeBytes }) => sizeBytes);
    return {
      manifest: this.manifestBytes,
      root: this.#segment.pages[0]!.length,
      postings: sizes(false),
      documents: sizes(true),
      postingsDecoded: result.stats.postings,
      pages,
      hits: result.hits.map(({ ordinal }) => ordinal),
      cpuMs,
    };
  }
}

function manifestOf(segment: EncodedSegment, maxWeight: number, impactBits: number): Manifest {
  return {
    index: INDEX,
    generation: 1,
    createdAtMs: 0,
    settings: {
      encoder: "onnx",
      versions: "sequence",
      encodedFields: ["title", "text"],
      idf: "blend",
      averageLength: null,
    },
    model: {
      fingerprint: "0".repeat(32),
      tables: "0".repeat(32),
      maxWeight,
      impactBits,
      averageLength: null,
    },
    segments: [
      {
        segmentId: segment.segmentId,
        pages: segment.pages.length,
        documents: segment.documents,
        sizeBytes: segment.sizeBytes,
        checksum: segment.checksum,
        tombstones: new Uint32Array(0),
      },
    ],
  };
}

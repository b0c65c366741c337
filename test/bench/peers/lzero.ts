/**
 * Our engine over a collection: posting lists in pages of format 2, as publishing writes them, read from memory and
 * found right before the first query, as an isolate holds them. A query pays for all that follows a page's arrival:
 * finding its lists, opening and scoring them. Document pages are no part of it, as they are of no other engine here.
 */
import { openWasmKernel } from "../../../batch/query/wasm-kernel.ts";
import { ByteWriter } from "../../../shared/format/bytes.ts";
import { encodePostingList, openPostings } from "../../../shared/format/posting-list.ts";
import { assembleSegment, type EncodedSegment } from "../../../shared/format/segment-assembly.ts";
import {
  decodeSegmentPage,
  decodeSegmentRoot,
  postingListPlace,
} from "../../../shared/format/segment-reader.ts";
import type { WindowKernel } from "../../../shared/query/kernel/kernel.ts";
import { findLists, pagesOf, type WeightedList } from "../../../shared/query/lists.ts";
import { TopK } from "../../../shared/query/top-k.ts";
import { scoreWindows } from "../../../shared/query/windowed.ts";
import type { BenchQuery } from "../collections/query-sets.ts";
import type { BenchCollection } from "../collections/read-collection.ts";
import { K, type SearchEngine } from "./engine.ts";
import type { ScoredHits } from "./forty-lines.ts";
import { type InvertedLists, invert } from "./inverted-lists.ts";

const SEGMENT_ID = "0".repeat(32);
const UNRESTRICTED = { tombstones: new Uint32Array(0), allowed: null };

/** One segment of these lists; its documents have no records, so that all bytes are of postings and directories. */
export function encodeLists({ documents, offsets, ordinals, impacts }: InvertedLists): EncodedSegment {
  const termIds: number[] = [];
  const documentFrequencies: number[] = [];
  const maxImpacts: number[] = [];
  const lengths: number[] = [];
  const cuts = new Map<number, number[]>();
  const lists = new ByteWriter(ordinals.length * 2);
  for (let term = 0; term + 1 < offsets.length; term++) {
    const start = offsets[term]!;
    const end = offsets[term + 1]!;
    if (start === end) continue;
    const before = lists.length;
    const listCuts = encodePostingList(lists, ordinals, impacts, start, end, documents);
    if (listCuts.length > 0) cuts.set(termIds.length, listCuts);
    let maxImpact = 0;
    for (let at = start; at < end; at++) maxImpact = Math.max(maxImpact, impacts[at]!);
    termIds.push(term);
    documentFrequencies.push(end - start);
    maxImpacts.push(maxImpact);
    lengths.push(lists.length - before);
  }
  const columns = {
    termIds: Uint32Array.from(termIds),
    documentFrequencies: Uint32Array.from(documentFrequencies),
    textFrequencies: new Uint32Array(termIds.length),
    maxImpacts: Uint8Array.from(maxImpacts),
    lengths: Uint32Array.from(lengths),
  };
  // The smallest record: an id of one byte, version, flags, no text, no own terms.
  const record = Uint8Array.of(1, 0x78, 0, 0, 0, 0);
  const records = new Uint8Array(documents * record.length);
  const recordEnds = new Float64Array(documents + 1);
  for (let ordinal = 0; ordinal < documents; ordinal++) {
    records.set(record, ordinal * record.length);
    recordEnds[ordinal + 1] = (ordinal + 1) * record.length;
  }
  return assembleSegment(SEGMENT_ID, {
    documents,
    columns,
    lists: lists.view(),
    cuts,
    records,
    recordEnds,
  });
}

/** Impacts of fewer bits, as publishing would have made them of the weights. */
export function requantize(weights: Float32Array, maxWeight: number, impactBits: number): Uint8Array {
  const largest = 2 ** impactBits - 1;
  return Uint8Array.from(weights, (weight) =>
    Math.max(1, Math.min(largest, Math.round((weight * largest) / maxWeight))),
  );
}

/** What a query that has no posting pages yet must read, and what it decodes. */
export interface QueryCost {
  readonly terms: number;
  readonly reads: number;
  readonly bytes: number;
  /** Of all its lists. */
  readonly postings: number;
  readonly decoded: number;
}

export interface LzeroEngine extends SearchEngine {
  /** The first k hits with their scores. */
  hits(query: BenchQuery, k: number): ScoredHits;
  costOf(query: BenchQuery): QueryCost;
}

export function openLzero(
  collection: BenchCollection,
  impactBits: number,
  kernel: WindowKernel = openWasmKernel(),
): LzeroEngine {
  const startedMs = performance.now();
  const impacts =
    impactBits === 8
      ? collection.impacts
      : requantize(collection.weights, collection.meta.maxWeight, impactBits);
  const lists = invert({ ...collection, impacts });
  const segment = encodeLists(lists);
  const buildSeconds = (performance.now() - startedMs) / 1000;
  const root = decodeSegmentRoot(segment.pages[0]!, SEGMENT_ID, `bench/${SEGMENT_ID}/0`);
  const payloads = segment.pages.map((value, page) =>
    page === 0 ? (root.inlinePayload ?? value) : decodeSegmentPage(root, value, page),
  );
  const payloadOf = (page: number) => payloads[page]!;
  const bytes = segment.pages.reduce((sum, { length }, page) => {
    const isOfDocuments = page > 0 && root.pageEntry(page).kind === 3;
    return isOfDocuments ? sum : sum + length;
  }, 0);
  return {
    engine: "lzero",
    version: process.version,
    settings: `format 2, ${impactBits}-bit impacts, windowed, ${kernel.name} kernel`,
    isSameScore: impactBits === 8,
    buildSeconds,
    bytes,
    search: (query) =>
      score(query, K)
        .top.sorted()
        .map(({ ordinal }) => ordinal),
    hits: (query, k) => {
      const candidates = score(query, k).top.sorted();
      return {
        ordinals: candidates.map(({ ordinal }) => ordinal),
        scores: candidates.map((candidate) => candidate.score),
      };
    },
    costOf: (query) => {
      const lists = listsOf(query);
      const pages = [...new Set(lists.flatMap(({ entry }) => pagesOf(entry)))];
      return {
        terms: lists.length,
        reads: pages.length,
        bytes: pages.reduce((sum, page) => sum + segment.pages[page]!.length, 0),
        postings: lists.reduce((sum, { entry }) => sum + entry.documentFrequency, 0),
        decoded: score(query, K).decoded,
      };
    },
  };

  function listsOf({ terms, weights }: BenchQuery): WeightedList[] {
    return findLists(root, {
      termIds: Uint32Array.from(terms),
      weights: Uint32Array.from(weights),
      tokens: terms.length,
      unknown: 0,
    });
  }

  function score(query: BenchQuery, k: number): { top: TopK; decoded: number } {
    const top = new TopK(k);
    const opened = listsOf(query).map(({ entry, weight }) => ({
      weight,
      postings: openPostings(postingListPlace(root, payloadOf, entry)),
    }));
    return { top, decoded: scoreWindows(opened, root.documents, UNRESTRICTED, top, 0, kernel) };
  }
}

/**
 * One, ten and a hundred million documents, simulated from a collection's own figures: lists grow with the documents, since
 * densities stay; a document page of a tenfold collection holds the share of it that a page of a tenth of the size holds
 * here; postings cost what they cost here. Left out: that more documents have better hits, which raises thresholds.
 */

import {
  DOCUMENT_PAGE_BYTES,
  LARGE_LIST_BYTES,
  LIST_PART_BYTES,
  POSTING_PAGE_BYTES,
} from "../../../../shared/format/limits.ts";
import { WINDOW_ORDINALS } from "../../../../shared/format/posting-list.ts";
import { CACHE_BUDGET_BYTES } from "../../../../workers/isolate-cache.ts";
import { QUERY_SETS, type QuerySet } from "../../collections/query-sets.ts";
import { type CpuCosts, cpuOf } from "../cpu.ts";
import { type Lab, listLengths } from "../lab.ts";
import { packLists, readsOf } from "../layouts.ts";
import { markdownTable } from "../markdown.ts";
import {
  dollarsPerMillion,
  millisecondsOf,
  type Phase,
  READ_TIMES,
  TEMPERATURES,
  type Temperature,
} from "../model.ts";
import { pageDocuments, pagesUnder, reorderRecords } from "../records.ts";
import type { SectionReport } from "../section.ts";
import { type Spread, spreadOf } from "../statistics.ts";
import { placesOf } from "./order.ts";

const MIB = 2 ** 20;
/** What an isolate may use (Cloudflare docs, Workers limits). */
const ISOLATE_BYTES = 128 * MIB;
/** The runtime, the Worker's code, the tokenizer, and what a request makes beside pages: assumed. */
const BASE_BYTES = 20 * MIB;
const TERM_BYTES = 28;
const PAGE_BYTES = 128;
const PAGE_ENTRY_BYTES = 12;
const DIRECTORY_BYTES_PER_TERM = 7;
const ACCUMULATOR_BYTES = WINDOW_ORDINALS * 4 * 2;

interface Plan {
  readonly documents: number;
  /** Disjoint invocations, each with an isolate of its own. */
  readonly shards: number;
  /** Live segments of a shard. */
  readonly segments: number;
}

const PLANS: readonly Plan[] = [
  { documents: 1e6, shards: 1, segments: 1 },
  { documents: 1e6, shards: 1, segments: 8 },
  { documents: 1e7, shards: 1, segments: 1 },
  { documents: 1e7, shards: 1, segments: 8 },
  { documents: 1e8, shards: 1, segments: 1 },
  { documents: 1e8, shards: 30, segments: 1 },
];

export interface ScaleRow extends Plan {
  readonly set: QuerySet;
  readonly indexBytes: number;
  /** Of all shards together; with roots, manifests and query tables. */
  readonly reads: Spread;
  readonly bytes: Spread;
  readonly ms: Readonly<Record<Temperature, Spread>>;
  readonly cpuMs: Spread;
  /** Of one isolate, its cache full and the largest query of a hundred under way. */
  readonly memoryBytes: number;
  readonly fits: boolean;
  /** Nothing cached; everything cached. */
  readonly dollarsCold: number;
  readonly dollarsCached: number;
}

/** @param decodedShare of a query's postings that the search decodes, by set */
export function measureScale(
  lab: Lab,
  tablesBytes: number,
  manifestBytes: number,
  cpu: CpuCosts,
  decodedShare: Readonly<Record<QuerySet, number>>,
): SectionReport {
  const lengths = listLengths(lab.lists.clustered);
  const { ends } = reorderRecords(lab.records, lab.orders.clustered);
  const placeOf = placesOf(lab.orders.clustered);
  const rows = PLANS.flatMap((plan) => {
    const perSegment = plan.documents / plan.shards / plan.segments;
    const growth = perSegment / lab.documents;
    const grown = lengths.map((length) => Math.ceil(length * growth));
    const postings = packLists(grown, {
      largeBytes: LARGE_LIST_BYTES,
      packBytes: POSTING_PAGE_BYTES,
      partBytes: LIST_PART_BYTES,
    });
    // All documents of the plan in pages of its size; the segments of a shard share them out.
    const growthOfAll = plan.documents / lab.documents;
    const pages = pageDocuments(ends, Math.max(1, DOCUMENT_PAGE_BYTES / growthOfAll));
    const documentPages = pages.sizes.length;
    const terms = lengths.filter((length) => length > 0).length;
    const segmentPages = postings.sizes.length + documentPages / plan.shards / plan.segments;
    const rootBytes = terms * DIRECTORY_BYTES_PER_TERM + segmentPages * PAGE_ENTRY_BYTES;
    return QUERY_SETS.map((set): ScaleRow => {
      const queries = lab.queries[set].map((query) => {
        const lists = readsOf(query.terms, postings);
        const listReads = new Array<Phase>(plan.segments).fill(lists).flat();
        const hits = pagesUnder(
          query.hits.map((hit) => placeOf[hit]!),
          pages,
        ).map(() => DOCUMENT_PAGE_BYTES);
        const roots = new Array<number>(plan.segments).fill(rootBytes);
        const phases: Phase[] = [[manifestBytes], [tablesBytes], roots, listReads, hits];
        const own = [...phases.slice(0, 4), hits.slice(0, Math.ceil(hits.length / plan.shards))];
        const shardBytes = own.flat().reduce((sum, each) => sum + each, 0);
        const sharedReads = phases.slice(0, 4).flat().length * plan.shards + hits.length;
        const allBytes =
          (shardBytes - own[4]!.length * DOCUMENT_PAGE_BYTES) * plan.shards +
          hits.length * DOCUMENT_PAGE_BYTES;
        const decoded =
          query.terms.reduce((sum, term) => sum + postingsOf(lab, term), 0) * decodedShare[set] * growthOfAll;
        return {
          phases: own,
          reads: sharedReads,
          bytes: allBytes,
          shardBytes,
          cpuMs: cpuOf(cpu, decoded, allBytes),
          warmCpuMs: cpuOf(cpu, decoded, 0),
        };
      });
      const spread = (value: (query: (typeof queries)[number]) => number) => spreadOf(queries.map(value));
      const heldBytes =
        (terms * TERM_BYTES + segmentPages * PAGE_BYTES) * plan.segments + rootBytes * plan.segments;
      const memoryBytes =
        BASE_BYTES +
        CACHE_BUDGET_BYTES +
        ACCUMULATOR_BYTES +
        Math.max(0, heldBytes - CACHE_BUDGET_BYTES) +
        spread((query) => query.shardBytes).p99;
      return {
        ...plan,
        set,
        indexBytes:
          postings.sizes.reduce((sum, each) => sum + each, 0) * plan.segments * plan.shards +
          ends[lab.documents]! * growthOfAll,
        reads: spread((query) => query.reads),
        bytes: spread((query) => query.bytes),
        ms: Object.fromEntries(
          TEMPERATURES.map((each) => [
            each,
            spread((query) => millisecondsOf(query.phases, READ_TIMES[each]) + query.cpuMs),
          ]),
        ) as ScaleRow["ms"],
        cpuMs: spread((query) => query.cpuMs),
        memoryBytes,
        fits: memoryBytes <= ISOLATE_BYTES,
        dollarsCold: dollarsPerMillion(
          spread((query) => query.cpuMs).mean,
          spread((query) => query.reads).mean,
        ),
        dollarsCached: dollarsPerMillion(spread((query) => query.warmCpuMs).mean, 0),
      };
    });
  });
  return {
    title: `Scale, simulated from ${lab.name}: ${lab.documents} documents of ${(lab.postings / lab.documents).toFixed(0)} postings`,
    text: markdownTable(
      [
        "documents",
        "shards × segments",
        "queries",
        "GiB",
        "reads",
        "p99",
        "MiB read",
        "cold ms",
        "hot ms",
        "CPU ms",
        "p99",
        "MiB of 128",
        "$/M cold",
        "$/M cached",
      ],
      rows.map((row) => [
        `${row.documents / 1e6} M`,
        `${row.shards} × ${row.segments}`,
        row.set,
        (row.indexBytes / 2 ** 30).toFixed(2),
        row.reads.mean.toFixed(1),
        row.reads.p99,
        (row.bytes.mean / MIB).toFixed(1),
        row.ms.cold.mean.toFixed(0),
        row.ms.hot.mean.toFixed(0),
        row.cpuMs.mean.toFixed(1),
        row.cpuMs.p99.toFixed(1),
        `${(row.memoryBytes / MIB).toFixed(0)}${row.fits ? "" : " (too much)"}`,
        row.dollarsCold.toFixed(2),
        row.dollarsCached.toFixed(2),
      ]),
      3,
    ),
    rows,
  };
}

function postingsOf({ lists }: Lab, term: number): number {
  return lists.given.offsets[term + 1]! - lists.given.offsets[term]!;
}

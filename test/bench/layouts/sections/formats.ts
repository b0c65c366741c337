/**
 * Whole queries with nothing cached: manifest, query tables, root, postings, documents, one phase after another. Format 1
 * is counted from its real list lengths and its page rules; format 2 is real segments, searched by the real search, which
 * must find the exact hits. Time and dollars are of the model.
 */

import { ByteWriter } from "../../../../shared/format/bytes.ts";
import { encodePostingListV1 } from "../../../../shared/format/posting-list-v1.ts";
import { encodeQueryTables } from "../../../../shared/format/query-tables.ts";
import type { SegmentOptions } from "../../../../shared/format/segment-assembly.ts";
import { QUERY_SETS, type QuerySet } from "../../collections/query-sets.ts";
import { type InvertedLists, invert } from "../../peers/inverted-lists.ts";
import { type CpuCosts, cpuOf, fitCpu } from "../cpu.ts";
import type { Lab, LabQuery } from "../lab.ts";
import { packFormat1, readsOf } from "../layouts.ts";
import { markdownTable } from "../markdown.ts";
import {
  dollarsPerMillion,
  millisecondsOf,
  type Phase,
  READ_TIMES,
  roundsOf,
  TEMPERATURES,
  type Temperature,
} from "../model.ts";
import { type Order, reorderLists } from "../orders.ts";
import { pageDocuments, pagesUnder, reorderRecords } from "../records.ts";
import type { SectionReport } from "../section.ts";
import { buildSegment, LabIndex, type Trace } from "../segments.ts";
import { type Spread, spreadOf } from "../statistics.ts";
import { impactsOf } from "./bits.ts";

const KIB = 1024;
/** As format 1 wrote them. */
const FORMAT_1_POSTING_PAGE_BYTES = 128 * KIB;
const FORMAT_1_DOCUMENT_PAGE_BYTES = 64 * KIB;

interface Variant {
  readonly name: string;
  readonly order: Order;
  readonly bits: number;
  readonly options: SegmentOptions;
}

const VARIANTS: readonly Variant[] = [
  { name: "2, 64 KiB documents", order: "given", bits: 8, options: { documentPageBytes: 64 * KIB } },
  { name: "2, 64 KiB documents", order: "clustered", bits: 8, options: { documentPageBytes: 64 * KIB } },
  { name: "2, as written", order: "clustered", bits: 8, options: {} },
  { name: "2, as written", order: "clustered", bits: 5, options: {} },
];

export interface FormatRow {
  readonly format: string;
  readonly order: Order;
  readonly bits: number;
  readonly set: QuerySet;
  readonly values: number;
  readonly indexBytes: number;
  readonly bytesPerPosting: number;
  readonly postingReads: Spread;
  readonly documentReads: Spread;
  /** With manifest, query tables and root. */
  readonly reads: Spread;
  readonly bytes: Spread;
  readonly rounds: Spread;
  readonly ms: Readonly<Record<Temperature, Spread>>;
  readonly cpuMs: Spread;
  /** Dollars per million with nothing ever cached, and with everything cached. */
  readonly dollarsCold: number;
  readonly dollarsCached: number;
}

export interface FormatsReport extends SectionReport {
  readonly rows: readonly FormatRow[];
  readonly cpu: CpuCosts;
  readonly manifestBytes: number;
  /** Of a query's postings, as written at 8 bits. */
  readonly decodedShare: Readonly<Record<QuerySet, number>>;
}

export async function measureFormats(lab: Lab, tablesBytes: number): Promise<FormatsReport> {
  const rows: FormatRow[] = [];
  let known: Pick<FormatsReport, "cpu" | "manifestBytes" | "decodedShare"> | null = null;
  for (const { name, order, bits, options } of VARIANTS) {
    const lists = listsOf(lab, order, bits);
    const segment = buildSegment(lists, reorderRecords(lab.records, lab.orders[order]), options);
    const index = new LabIndex(segment, lab.collection.meta.maxWeight, bits);
    const traces: Record<string, Trace[]> = {};
    for (const set of QUERY_SETS) traces[set] = await traceAll(lab, index, set, bits === 8 ? order : null);
    const cpu = fitCpu(Object.values(traces).flat());
    if (bits === 8) {
      const { manifestBytes } = index;
      known = { cpu, manifestBytes, decodedShare: { short: shareOf("short"), long: shareOf("long") } };
    }
    function shareOf(set: QuerySet): number {
      const decoded = traces[set]!.reduce((sum, { postingsDecoded }) => sum + postingsDecoded, 0);
      const all = lab.queries[set].flatMap(({ terms }) => terms.map((term) => postingsOf(lists, term)));
      return decoded / all.reduce((sum, each) => sum + each, 0);
    }
    const postingBytes = segment.pages.reduce(
      (sum, { length }, page) => (page > 0 && index.root.pageEntry(page).kind === 3 ? sum : sum + length),
      0,
    );
    const head = {
      format: name,
      order,
      bits,
      values: segment.pages.length,
      indexBytes: segment.sizeBytes,
      bytesPerPosting: postingBytes / lab.postings,
    };
    if (rows.length === 0) rows.push(...format1Rows(lab, traces, tablesBytes, segment.pages[0]!.length, cpu));
    for (const set of QUERY_SETS) rows.push({ ...head, set, ...costOf(traces[set]!, tablesBytes, cpu) });
  }
  return {
    title: `Formats, nothing cached: ${lab.name}, ${lab.documents} documents, ${lab.postings} postings`,
    text: formatRows(rows),
    rows,
    ...known!,
  };
}

/** The size of the query tables of a vocabulary. */
export function tablesBytesOf(vocabulary: Uint8Array, idf: Float32Array): number {
  const optionalTokens = new Uint8Array(Math.ceil(idf.length / 8));
  return encodeQueryTables({ vocabulary, idf, optionalTokens }).value.length;
}

export function listsOf(lab: Lab, order: Order, bits: number): InvertedLists {
  if (bits === 8) return lab.lists[order];
  const lists = invert({ ...lab.collection, impacts: impactsOf(lab.collection, bits) });
  return order === "given" ? lists : reorderLists(lists, lab.orders[order]);
}

/** @param order of the lists whose hits are known; null: those of other bits, which may differ */
async function traceAll(lab: Lab, index: LabIndex, set: QuerySet, order: Order | null): Promise<Trace[]> {
  const traces: Trace[] = [];
  for (const query of lab.queries[set]) {
    await index.trace(query);
    const trace = await index.trace(query);
    if (order !== null) checkHits(lab, query, trace, order);
    traces.push(trace);
  }
  return traces;
}

/** A laboratory in which the search finds something else measures nothing. Ties may be ordered otherwise. */
function checkHits({ orders, lists }: Lab, query: LabQuery, { hits }: Trace, order: Order): void {
  if (hits.length !== query.hits.length) throw new Error(`${hits.length} hits, not ${query.hits.length}`);
  const scoreOf = (document: number) =>
    query.terms.reduce((sum, term, at) => {
      const [start, end] = [lists.given.offsets[term]!, lists.given.offsets[term + 1]!];
      const place = lists.given.ordinals.subarray(start, end).indexOf(document);
      return place < 0 ? sum : sum + query.weights[at]! * lists.given.impacts[start + place]!;
    }, 0);
  const documents = hits.map((ordinal) => orders[order][ordinal]!);
  const [found, exact] = [documents, query.hits].map((each) => each.map(scoreOf).join());
  if (found !== exact) throw new Error(`scores ${found}, not ${exact}: ${query.text}`);
}

function costOf(
  traces: readonly Pick<Trace, "manifest" | "root" | "postings" | "documents" | "postingsDecoded">[],
  tablesBytes: number,
  cpu: CpuCosts,
): Omit<FormatRow, "format" | "order" | "bits" | "set" | "values" | "indexBytes" | "bytesPerPosting"> {
  const queries = traces.map((trace) => {
    const phases: Phase[] = [[trace.manifest], [tablesBytes], [trace.root], trace.postings, trace.documents];
    const sizes = phases.flat();
    const bytes = sizes.reduce((sum, each) => sum + each, 0);
    return {
      phases,
      reads: sizes.length,
      bytes,
      cpuMs: cpuOf(cpu, trace.postingsDecoded, bytes),
      warmCpuMs: cpuOf(cpu, trace.postingsDecoded, 0),
    };
  });
  const mean = (value: (query: (typeof queries)[number]) => number) => spreadOf(queries.map(value)).mean;
  return {
    postingReads: spreadOf(traces.map(({ postings }) => postings.length)),
    documentReads: spreadOf(traces.map(({ documents }) => documents.length)),
    reads: spreadOf(queries.map(({ reads }) => reads)),
    bytes: spreadOf(queries.map(({ bytes }) => bytes)),
    rounds: spreadOf(queries.map(({ phases }) => roundsOf(phases))),
    ms: Object.fromEntries(
      TEMPERATURES.map((each) => [
        each,
        spreadOf(queries.map(({ phases }) => millisecondsOf(phases, READ_TIMES[each]))),
      ]),
    ) as FormatRow["ms"],
    cpuMs: spreadOf(queries.map(({ cpuMs }) => cpuMs)),
    dollarsCold: dollarsPerMillion(
      mean(({ cpuMs }) => cpuMs),
      mean(({ reads }) => reads),
    ),
    dollarsCached: dollarsPerMillion(
      mean(({ warmCpuMs }) => warmCpuMs),
      0,
    ),
  };
}

/** Format 1 decodes every posting of every list. */
function format1Rows(
  lab: Lab,
  traces: Readonly<Record<string, readonly Trace[]>>,
  tablesBytes: number,
  rootBytes: number,
  cpu: CpuCosts,
): FormatRow[] {
  const { offsets, ordinals, impacts } = lab.lists.given;
  const lengths = new Uint32Array(offsets.length - 1);
  for (let term = 0; term < lengths.length; term++) {
    if (offsets[term] === offsets[term + 1]) continue;
    const writer = new ByteWriter(1024);
    encodePostingListV1(writer, ordinals, impacts, offsets[term]!, offsets[term + 1]!);
    lengths[term] = writer.length;
  }
  const postings = packFormat1(lengths, FORMAT_1_POSTING_PAGE_BYTES);
  const documents = pageDocuments(lab.records.ends, FORMAT_1_DOCUMENT_PAGE_BYTES);
  const postingBytes = postings.sizes.reduce((sum, each) => sum + each, rootBytes);
  return QUERY_SETS.map((set): FormatRow => {
    const counted = lab.queries[set].map(({ terms, hits }, at) => ({
      manifest: traces[set]![at]!.manifest,
      root: rootBytes,
      postings: readsOf(terms, postings),
      documents: pagesUnder(hits, documents),
      postingsDecoded: terms.reduce((sum, term) => sum + postingsOf(lab.lists.given, term), 0),
    }));
    return {
      format: "1",
      order: "given",
      bits: 8,
      set,
      values: 1 + postings.sizes.length + documents.sizes.length,
      indexBytes: postingBytes + documents.sizes.reduce((sum, each) => sum + each, 0),
      bytesPerPosting: postingBytes / lab.postings,
      ...costOf(counted, tablesBytes, cpu),
    };
  });
}

function postingsOf({ offsets }: InvertedLists, term: number): number {
  return offsets[term + 1]! - offsets[term]!;
}

function formatRows(rows: readonly FormatRow[]): string {
  return markdownTable(
    [
      "format",
      "documents",
      "bits",
      "queries",
      "values",
      "bytes/posting",
      "posting reads",
      "p99",
      "document reads",
      "p99",
      "all reads",
      "p99",
      "KiB",
      "rounds",
      "cold ms",
      "regional",
      "hot",
      "CPU ms",
      "$/M cold",
      "$/M cached",
    ],
    rows.map((row) => [
      row.format,
      row.order,
      row.bits,
      row.set,
      row.values,
      row.bytesPerPosting.toFixed(3),
      row.postingReads.mean.toFixed(2),
      row.postingReads.p99,
      row.documentReads.mean.toFixed(2),
      row.documentReads.p99,
      row.reads.mean.toFixed(2),
      row.reads.p99,
      (row.bytes.mean / KIB).toFixed(0),
      row.rounds.mean.toFixed(2),
      ...TEMPERATURES.toReversed().map((each) => row.ms[each].mean.toFixed(0)),
      row.cpuMs.mean.toFixed(2),
      row.dollarsCold.toFixed(2),
      row.dollarsCached.toFixed(2),
    ]),
    4,
  );
}

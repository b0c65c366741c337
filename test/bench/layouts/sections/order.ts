/**
 * Where documents lie: how many document pages the hits of a query are in, by page size, in the given order and the
 * clustered one; and what the order does to posting bytes. Real records, real hits, pages cut as the assembly cuts them;
 * "deflated" is simulated: record bytes times what blocks of 8 KiB of them are deflated to.
 */
import { deflateRawSync } from "node:zlib";
import { QUERY_SETS } from "../../collections/query-sets.ts";
import { type Lab, listLengths, ORDERS } from "../lab.ts";
import { markdownTable } from "../markdown.ts";
import { millisecondsOf, READ_TIMES } from "../model.ts";
import type { Order } from "../orders.ts";
import { pageDocuments, pagesUnder, type Records, reorderRecords } from "../records.ts";
import type { SectionReport } from "../section.ts";
import { type Spread, spreadOf } from "../statistics.ts";

export const PAGE_KIB = [64, 128, 256, 512, 1024, 2048];
const BLOCK_BYTES = 8 * 1024;
const SAMPLED_BLOCKS = 200;

export interface OrderRow {
  readonly collection: string;
  readonly order: Order;
  readonly deflated: boolean;
  readonly pageKiB: number;
  readonly pages: number;
  readonly reads: Readonly<Record<string, Spread>>;
  readonly bytes: Readonly<Record<string, Spread>>;
  readonly coldMs: Readonly<Record<string, Spread>>;
}

export interface OrderReport extends SectionReport {
  readonly rows: readonly OrderRow[];
}

export function measureOrder(lab: Lab): OrderReport {
  const rows: OrderRow[] = [];
  const bytesPerPosting: string[] = [];
  const shrink = deflatedShare(lab.records);
  for (const order of ORDERS) {
    const placeOf = placesOf(lab.orders[order]);
    const { ends } = reorderRecords(lab.records, lab.orders[order]);
    for (const [isDeflated, factor] of [
      [false, 1],
      [true, shrink],
    ] as const) {
      for (const pageKiB of PAGE_KIB) {
        const pages = pageDocuments(ends, pageKiB * 1024, factor);
        const phases = Object.fromEntries(
          QUERY_SETS.map((set) => [
            set,
            lab.queries[set].map(({ hits }) =>
              pagesUnder(
                hits.map((hit) => placeOf[hit]!),
                pages,
              ),
            ),
          ]),
        );
        const by = (value: (phase: number[]) => number) =>
          Object.fromEntries(QUERY_SETS.map((set) => [set, spreadOf(phases[set]!.map(value))]));
        rows.push({
          collection: lab.name,
          order,
          deflated: isDeflated,
          pageKiB,
          pages: pages.sizes.length,
          reads: by((phase) => phase.length),
          bytes: by((phase) => phase.reduce((sum, each) => sum + each, 0)),
          coldMs: by((phase) => millisecondsOf([phase], READ_TIMES.cold)),
        });
      }
    }
    const bytes = listLengths(lab.lists[order]).reduce((sum, each) => sum + each, 0);
    bytesPerPosting.push(`${order} ${(bytes / lab.postings).toFixed(3)}`);
  }
  const recordBytes = lab.records.bytes.length / lab.documents;
  return {
    title: `Document order: ${lab.name}, ${lab.documents} documents of ${recordBytes.toFixed(0)} bytes`,
    text: [
      `Bytes a posting at 8 bits: ${bytesPerPosting.join(", ")}. Blocks of 8 KiB are deflated to ${shrink.toFixed(2)}.`,
      "",
      markdownTable(
        [
          "order",
          "page KiB",
          "pages",
          "short mean",
          "p50",
          "p99",
          "long mean",
          "p50",
          "p99",
          "KiB short",
          "cold ms",
        ],
        rows.map(({ order, deflated, pageKiB, pages, reads, bytes, coldMs }) => [
          `${order}${deflated ? ", deflated" : ""}`,
          pageKiB,
          pages,
          ...QUERY_SETS.flatMap((set) => [reads[set]!.mean.toFixed(2), reads[set]!.p50, reads[set]!.p99]),
          (bytes.short!.mean / 1024).toFixed(0),
          coldMs.short!.mean.toFixed(0),
        ]),
      ),
    ].join("\n"),
    rows,
  };
}

export function placesOf(order: Uint32Array): Uint32Array {
  const places = new Uint32Array(order.length);
  for (let place = 0; place < order.length; place++) places[order[place]!] = place;
  return places;
}

/** What deflate (level 9) leaves of blocks of records, at even steps through them. */
export function deflatedShare({ bytes }: Records): number {
  let before = 0;
  let after = 0;
  const blocks = Math.min(SAMPLED_BLOCKS, Math.floor(bytes.length / BLOCK_BYTES));
  for (let block = 0; block < blocks; block++) {
    const at = Math.floor((block * (bytes.length - BLOCK_BYTES)) / blocks);
    before += BLOCK_BYTES;
    after += deflateRawSync(bytes.subarray(at, at + BLOCK_BYTES), { level: 9 }).length;
  }
  return before === 0 ? 1 : after / before;
}

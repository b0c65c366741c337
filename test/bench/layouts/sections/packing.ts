/**
 * Small lists packed together: posting reads and bytes of a query by the size from which a list is alone, the size of a
 * pack, and the order in a pack. Lengths are the real codec's; which value a list lies in is computed.
 */
import { LARGE_LIST_BYTES, LIST_PART_BYTES, POSTING_PAGE_BYTES } from "../../../../shared/format/limits.ts";
import { orderDocuments } from "../../../../shared/format/order-documents.ts";
import { StrongTerms } from "../../../../shared/format/strong-terms.ts";
import { QUERY_SETS } from "../../collections/query-sets.ts";
import { type Lab, listLengths } from "../lab.ts";
import { type ListLayout, packLists, readsOf } from "../layouts.ts";
import { markdownTable } from "../markdown.ts";
import { millisecondsOf, READ_TIMES, roundsOf } from "../model.ts";
import type { SectionReport } from "../section.ts";
import { type Spread, spreadOf } from "../statistics.ts";

const KIB = 1024;
const LARGE_KIB = [0, 8, 16, 32, 64, 128];
const PACK_KIB = [64, 128, 256];

export interface PackingRow {
  readonly layout: string;
  readonly largeKiB: number;
  readonly packKiB: number;
  readonly values: number;
  readonly reads: Readonly<Record<string, Spread>>;
  readonly bytes: Readonly<Record<string, Spread>>;
  readonly rounds: Readonly<Record<string, Spread>>;
  readonly coldMs: Readonly<Record<string, Spread>>;
}

export function measurePacking(lab: Lab): SectionReport {
  const lengths = listLengths(lab.lists.clustered);
  const rows: PackingRow[] = [];
  const add = (layout: string, largeKiB: number, packKiB: number, packOrder?: readonly number[]) => {
    const packed = packLists(lengths, {
      largeBytes: largeKiB * KIB,
      packBytes: packKiB * KIB,
      partBytes: LIST_PART_BYTES,
      ...(packOrder === undefined ? {} : { packOrder }),
    });
    rows.push({ layout, largeKiB, packKiB, values: packed.sizes.length, ...costOf(lab, packed) });
  };
  for (const largeKiB of LARGE_KIB) {
    for (const packKiB of largeKiB === 0 ? [0] : PACK_KIB) {
      if (packKiB >= largeKiB) add(largeKiB === 0 ? "each list alone" : "by term id", largeKiB, packKiB);
    }
  }
  const largeKiB = LARGE_LIST_BYTES / KIB;
  const together = coOccurring(lab, lengths, LARGE_LIST_BYTES);
  for (const packKiB of PACK_KIB) add("by co-occurrence", largeKiB, packKiB, together);
  return {
    title: `Packing small lists: ${lab.name}, clustered; as written: ${largeKiB} and ${POSTING_PAGE_BYTES / KIB} KiB`,
    text: markdownTable(
      [
        "layout",
        "alone above KiB",
        "pack KiB",
        "values",
        ...QUERY_SETS.flatMap((set) => [`reads ${set}`, "p50", "p99", "KiB", "rounds", "cold ms"]),
      ],
      rows.map(({ layout, largeKiB, packKiB, values, reads, bytes, rounds, coldMs }) => [
        layout,
        largeKiB,
        packKiB,
        values,
        ...QUERY_SETS.flatMap((set) => [
          reads[set]!.mean.toFixed(2),
          reads[set]!.p50,
          reads[set]!.p99,
          (bytes[set]!.mean / KIB).toFixed(0),
          rounds[set]!.mean.toFixed(2),
          coldMs[set]!.mean.toFixed(0),
        ]),
      ]),
    ),
    rows,
  };
}

function costOf(lab: Lab, layout: ListLayout): Pick<PackingRow, "reads" | "bytes" | "rounds" | "coldMs"> {
  const by = (value: (sizes: readonly number[]) => number) =>
    Object.fromEntries(
      QUERY_SETS.map((set) => [
        set,
        spreadOf(lab.queries[set].map(({ terms }) => value(readsOf(terms, layout)))),
      ]),
    );
  return {
    reads: by((sizes) => sizes.length),
    bytes: by((sizes) => sizes.reduce((sum, each) => sum + each, 0)),
    rounds: by((sizes) => roundsOf([sizes])),
    coldMs: by((sizes) => millisecondsOf([sizes], READ_TIMES.cold)),
  };
}

/** Terms of small lists, those together that are strong in the same documents: the order of documents, transposed. */
function coOccurring({ collection, documents }: Lab, lengths: Uint32Array, largeBytes: number): number[] {
  const small = Array.from(lengths.keys()).filter(
    (term) => lengths[term]! > 0 && lengths[term]! <= largeBytes,
  );
  const numberOf = new Map(small.map((term, at) => [term, at]));
  const { indptr, terms } = collection.vectors;
  const strong = new StrongTerms(small.length);
  for (let document = 0; document < documents; document++) {
    const numbers: number[] = [];
    const impacts: number[] = [];
    for (let at = indptr[document]!; at < indptr[document + 1]!; at++) {
      const number = numberOf.get(terms[at]!);
      if (number === undefined) continue;
      numbers.push(number);
      impacts.push(collection.impacts[at]!);
    }
    strong.add(Uint32Array.from(numbers), Uint8Array.from(impacts), 0, numbers.length);
  }
  return Array.from(orderDocuments(strong.rows()), (at) => small[at]!);
}

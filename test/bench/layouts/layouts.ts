/**
 * Layouts of posting lists as numbers: which value each list lies in and how large it is. In: bytes of each list. Out: the
 * sizes that a query's terms read. What of them exists is written by the segment assembly; others are only thought of.
 */
import { PAGE_HEADER_BYTES } from "../../../shared/format/page.ts";
import { RUN_SLACK_BYTES } from "../../../shared/format/posting-run.ts";
import type { Phase } from "./model.ts";

export interface ListLayout {
  /** First value of each term's list, from 0; −1 without a list. */
  readonly firstOf: Int32Array;
  /** How many values, one after another, the list has. */
  readonly countOf: Uint8Array;
  readonly sizes: readonly number[];
}

export interface PackingOptions {
  /** A longer list has values of its own. */
  readonly largeBytes: number;
  /** A pack is closed before a list would take it past this. */
  readonly packBytes: number;
  /** A large list is split into values of at most this. */
  readonly partBytes: number;
  /** Terms in the order in which small lists are packed. @default ascending */
  readonly packOrder?: Iterable<number>;
}

/** Format 2: large lists alone, small ones packed. */
export function packLists(lengths: Uint32Array, options: PackingOptions): ListLayout {
  const { largeBytes, packBytes, partBytes, packOrder } = options;
  const firstOf = new Int32Array(lengths.length).fill(-1);
  const countOf = new Uint8Array(lengths.length);
  const sizes: number[] = [];
  const overhead = PAGE_HEADER_BYTES + RUN_SLACK_BYTES;
  lengths.forEach((length, term) => {
    if (length <= largeBytes) return;
    firstOf[term] = sizes.length;
    countOf[term] = Math.ceil(length / partBytes);
    for (let left = length; left > 0; left -= partBytes) sizes.push(overhead + Math.min(left, partBytes));
  });
  let packed = 0;
  for (const term of packOrder ?? lengths.keys()) {
    const length = lengths[term]!;
    if (length === 0 || length > largeBytes) continue;
    if (packed > 0 && packed + length > packBytes) {
      sizes.push(overhead + packed);
      packed = 0;
    }
    firstOf[term] = sizes.length;
    countOf[term] = 1;
    packed += length;
  }
  if (packed > 0) sizes.push(overhead + packed);
  return { firstOf, countOf, sizes };
}

/** Format 1: all lists in the order of their terms, a page closed before a list would take it past `pageBytes`. */
export function packFormat1(lengths: Uint32Array, pageBytes: number): ListLayout {
  const firstOf = new Int32Array(lengths.length).fill(-1);
  const sizes: number[] = [];
  let packed = 0;
  lengths.forEach((length, term) => {
    if (length === 0) return;
    if (packed > 0 && packed + length > pageBytes) {
      sizes.push(PAGE_HEADER_BYTES + packed);
      packed = 0;
    }
    firstOf[term] = sizes.length;
    packed += length;
  });
  if (packed > 0) sizes.push(PAGE_HEADER_BYTES + packed);
  return { firstOf, countOf: new Uint8Array(lengths.length).fill(1), sizes };
}

/** The values that hold the lists of some terms, each once. */
export function valuesUnder(terms: readonly number[], { firstOf, countOf }: ListLayout): number[] {
  const values = new Set<number>();
  for (const term of terms) {
    const first = firstOf[term]!;
    for (let at = 0; first >= 0 && at < countOf[term]!; at++) values.add(first + at);
  }
  return [...values];
}

/** Their sizes. */
export function readsOf(terms: readonly number[], layout: ListLayout): Phase {
  return valuesUnder(terms, layout).map((value) => layout.sizes[value]!);
}

/**
 * The posting lists of a merged segment: the directories of all sources are walked at once in the order of term ids, and
 * each term's lists become one. A list at a time is decoded; none is kept.
 */
import { ByteWriter } from "./bytes.ts";
import { pageCorrupt } from "./errors.ts";
import { DROPPED, type MergeSource } from "./merge-sources.ts";
import { PAGE_HEADER_BYTES } from "./page.ts";
import { encodePostingList } from "./posting-list.ts";
import type { SegmentContent } from "./segment-assembly.ts";
import { decodePostingList, type TermEntry } from "./segment-reader.ts";
import type { TermColumns } from "./term-directory.ts";

/** A term of the merged segment; the arrays are used again for the next term. */
export interface MergedTerm {
  readonly termId: number;
  readonly textFrequency: number;
  /** The first `count` are there; ascending. */
  readonly ordinals: Uint32Array;
  readonly impacts: Uint8Array;
  readonly count: number;
  readonly maxImpact: number;
}

/** Encodes the merged lists. @throws LzeroError `page_corrupt` */
export function mergePostings(
  sources: readonly MergeSource[],
): Pick<SegmentContent, "columns" | "lists" | "cuts"> {
  const documents = countSurvivors(sources);
  const terms: { [Column in keyof TermColumns]: number }[] = [];
  const lists = new ByteWriter(sources.reduce((sum, { root }) => sum + root.postings * 2, 0));
  const cuts = new Map<number, number[]>();
  for (const { termId, textFrequency, ordinals, impacts, count, maxImpact } of mergedTerms(sources)) {
    const before = lists.length;
    const listCuts = encodePostingList(lists, ordinals, impacts, 0, count, documents);
    if (listCuts.length > 0) cuts.set(terms.length, listCuts);
    terms.push({
      termIds: termId,
      documentFrequencies: count,
      textFrequencies: textFrequency,
      maxImpacts: maxImpact,
      lengths: lists.length - before,
    });
  }
  return {
    columns: {
      termIds: Uint32Array.from(terms, (term) => term.termIds),
      documentFrequencies: Uint32Array.from(terms, (term) => term.documentFrequencies),
      textFrequencies: Uint32Array.from(terms, (term) => term.textFrequencies),
      maxImpacts: Uint8Array.from(terms, (term) => term.maxImpacts),
      lengths: Uint32Array.from(terms, (term) => term.lengths),
    },
    lists: lists.view(),
    cuts,
  };
}

/** Terms with a posting or a text frequency, ascending. @throws LzeroError `page_corrupt` */
export function* mergedTerms(sources: readonly MergeSource[]): Generator<MergedTerm> {
  const cursors = sources.map((source) => ({ source, entries: source.root.entries() }));
  const heads = cursors.map(({ entries }) => nextEntry(entries));
  // One term's list at a time: never longer than the surviving documents.
  const ordinals = new Uint32Array(countSurvivors(sources));
  const impacts = new Uint8Array(ordinals.length);
  const impactOf = new Uint8Array(ordinals.length);
  for (;;) {
    let termId = Number.POSITIVE_INFINITY;
    for (const head of heads) if (head !== null && head.termId < termId) termId = head.termId;
    if (termId === Number.POSITIVE_INFINITY) return;
    let count = 0;
    let maxImpact = 0;
    let textFrequency = 0;
    let isAscending = true;
    for (let at = 0; at < cursors.length; at++) {
      const entry = heads[at]!;
      if (entry === null || entry.termId !== termId) continue;
      const { source, entries } = cursors[at]!;
      heads[at] = nextEntry(entries);
      textFrequency += survivingTextFrequency(source, entry);
      if (entry.documentFrequency === 0) continue;
      const list = decodePostingList(source.root, (page) => source.payloads[page]!, entry);
      for (let index = 0; index < list.ordinals.length; index++) {
        const ordinal = source.newOrdinals[list.ordinals[index]!]!;
        if (ordinal === DROPPED) continue;
        const impact = list.impacts[index]!;
        if (count > 0 && ordinal < ordinals[count - 1]!) isAscending = false;
        ordinals[count] = ordinal;
        impacts[count] = impact;
        count++;
        if (impact > maxImpact) maxImpact = impact;
      }
    }
    if (count === 0 && textFrequency === 0) continue;
    if (!isAscending) sortPostings(ordinals, impacts, count, impactOf);
    yield { termId, textFrequency, ordinals, impacts, count, maxImpact };
  }
}

/** @param impactOf room for an impact by ordinal */
function sortPostings(ordinals: Uint32Array, impacts: Uint8Array, count: number, impactOf: Uint8Array): void {
  for (let at = 0; at < count; at++) impactOf[ordinals[at]!] = impacts[at]!;
  ordinals.subarray(0, count).sort();
  for (let at = 0; at < count; at++) impacts[at] = impactOf[ordinals[at]!]!;
}

export function countSurvivors(sources: readonly MergeSource[]): number {
  return sources.reduce((sum, { survivors }) => sum + survivors, 0);
}

function nextEntry(entries: Iterator<TermEntry>): TermEntry | null {
  const { value, done } = entries.next();
  return done === true ? null : value;
}

function survivingTextFrequency(
  { root, droppedTextFrequencies, survivors }: MergeSource,
  entry: TermEntry,
): number {
  const frequency = entry.textFrequency - (droppedTextFrequencies.get(entry.termId) ?? 0);
  if (frequency < 0 || frequency > survivors) {
    throw pageCorrupt(
      root.key,
      PAGE_HEADER_BYTES,
      `the surviving text frequency of term ${entry.termId}`,
      `0 to ${survivors}`,
      frequency,
    );
  }
  return frequency;
}

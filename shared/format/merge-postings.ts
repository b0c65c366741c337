/**
 * The posting lists of a merged segment: the directories of all sources are walked at once in the order of term ids, and
 * each term's lists become one. A list at a time is decoded, encoded and handed on; none is kept.
 */
import { ByteWriter } from "./bytes.ts";
import { pageCorrupt } from "./errors.ts";
import { LIST_PART_BYTES } from "./limits.ts";
import { countSurvivors, type MergeSource } from "./merge-sources.ts";
import { PAGE_HEADER_BYTES } from "./page.ts";
import { encodePostingList } from "./posting-list.ts";
import { decodePostingList, type TermEntry } from "./segment-reader.ts";
import type { Spool } from "./spool.ts";
import type { TermColumns } from "./term-directory.ts";

/** A list of a term in one source. */
export interface SourceTerm {
  readonly source: MergeSource;
  readonly entry: TermEntry;
}

/** The merged lists, encoded; they themselves are in the spool. */
export interface MergedLists {
  readonly columns: TermColumns;
  /** Offsets in a list at which it may be split, by its place in the columns; lists without such have no entry. */
  readonly cuts: ReadonlyMap<number, readonly number[]>;
}

/**
 * Encodes the merged lists, one after another, into a spool.
 * @throws LzeroError `page_corrupt`
 */
export function mergePostings(sources: readonly MergeSource[], lists: Spool): MergedLists {
  const documents = countSurvivors(sources);
  const merged = new MergedPostings(0, documents);
  const terms: { [Column in keyof TermColumns]: number }[] = [];
  const cuts = new Map<number, number[]>();
  // Lists are encoded into buffers of about a part, so that a spool is not called for every few bytes.
  const postings = sources.reduce((sum, { root }) => sum + root.postings, 0);
  let writer = new ByteWriter(Math.min(LIST_PART_BYTES, 2 * postings));
  for (const { termId, found } of walkTerms(sources)) {
    const textFrequency = found.reduce((sum, { source, entry }) => sum + survivingText(source, entry), 0);
    merged.take(found);
    if (merged.count === 0 && textFrequency === 0) continue;
    const before = writer.length;
    const listCuts = encodePostingList(writer, merged.ordinals, merged.impacts, 0, merged.count, documents);
    if (listCuts.length > 0) cuts.set(terms.length, listCuts);
    terms.push({
      termIds: termId,
      documentFrequencies: merged.count,
      textFrequencies: textFrequency,
      maxImpacts: merged.maxImpact,
      lengths: writer.length - before,
    });
    if (writer.length < LIST_PART_BYTES / 2) continue;
    lists.append(writer.view());
    writer = new ByteWriter(LIST_PART_BYTES);
  }
  lists.append(writer.view());
  return {
    columns: {
      termIds: Uint32Array.from(terms, (term) => term.termIds),
      documentFrequencies: Uint32Array.from(terms, (term) => term.documentFrequencies),
      textFrequencies: Uint32Array.from(terms, (term) => term.textFrequencies),
      maxImpacts: Uint8Array.from(terms, (term) => term.maxImpacts),
      lengths: Uint32Array.from(terms, (term) => term.lengths),
    },
    cuts,
  };
}

/** The terms of all sources, ascending, each with the sources that have it, in their order. */
export function* walkTerms(
  sources: readonly MergeSource[],
): Generator<{ readonly termId: number; readonly found: readonly SourceTerm[] }> {
  const walks = sources.map((source) => source.root.entries());
  const heads = walks.map(nextEntry);
  for (;;) {
    let termId = Number.POSITIVE_INFINITY;
    for (const head of heads) if (head !== null && head.termId < termId) termId = head.termId;
    if (termId === Number.POSITIVE_INFINITY) return;
    const found: SourceTerm[] = [];
    for (let at = 0; at < heads.length; at++) {
      const entry = heads[at]!;
      if (entry === null || entry.termId !== termId) continue;
      found.push({ source: sources[at]!, entry });
      heads[at] = nextEntry(walks[at]!);
    }
    yield { termId, found };
  }
}

/** A list is put in order by marks, a word of 32 ordinals at a time, when it has a posting for about every word. */
const MARKED_WORDS_PER_POSTING = 1;

/** Merged postings of one term at a time, of the documents in a range of new ordinals; the arrays are used again. */
export class MergedPostings {
  readonly #first: number;
  readonly #documents: number;
  /** Relative to the range, ascending; the first `count` are there. */
  readonly ordinals: Uint32Array;
  readonly impacts: Uint8Array;
  count = 0;
  maxImpact = 0;
  /** By ordinal; and which ordinals a list has, a bit each. */
  readonly #impactOf: Uint8Array;
  readonly #marks: Uint32Array;

  constructor(first: number, documents: number) {
    this.#first = first;
    this.#documents = documents;
    this.ordinals = new Uint32Array(documents);
    this.impacts = new Uint8Array(documents);
    this.#impactOf = new Uint8Array(documents);
    this.#marks = new Uint32Array(Math.ceil(documents / 32));
  }

  /** Takes the lists of one term. @throws LzeroError `page_corrupt` */
  take(found: readonly SourceTerm[]): void {
    const { ordinals, impacts } = this;
    const first = this.#first;
    const documents = this.#documents;
    let count = 0;
    let maxImpact = 0;
    let last = -1;
    let isAscending = true;
    for (const { source, entry } of found) {
      if (entry.documentFrequency === 0) continue;
      const list = decodePostingList(source.root, source.payloadOf, entry);
      const { newOrdinals } = source;
      for (let at = 0; at < list.ordinals.length; at++) {
        // Documents that were dropped lie far above any range.
        const ordinal = newOrdinals[list.ordinals[at]!]! - first;
        if (ordinal < 0 || ordinal >= documents) continue;
        const impact = list.impacts[at]!;
        if (ordinal < last) isAscending = false;
        last = ordinal;
        ordinals[count] = ordinal;
        impacts[count++] = impact;
        if (impact > maxImpact) maxImpact = impact;
      }
    }
    this.count = count;
    this.maxImpact = maxImpact;
    if (!isAscending) this.#sort();
  }

  #sort(): void {
    const { ordinals, impacts, count } = this;
    const impactOf = this.#impactOf;
    for (let at = 0; at < count; at++) impactOf[ordinals[at]!] = impacts[at]!;
    if (this.#marks.length <= count * MARKED_WORDS_PER_POSTING) this.#sortByMarks();
    else ordinals.subarray(0, count).sort();
    for (let at = 0; at < count; at++) impacts[at] = impactOf[ordinals[at]!]!;
  }

  #sortByMarks(): void {
    const { ordinals, count } = this;
    const marks = this.#marks;
    for (let at = 0; at < count; at++) marks[ordinals[at]! >>> 5]! |= 1 << (ordinals[at]! & 31);
    let into = 0;
    for (let place = 0; place < marks.length; place++) {
      let word = marks[place]!;
      if (word === 0) continue;
      marks[place] = 0;
      for (; word !== 0; word &= word - 1) {
        ordinals[into++] = place * 32 + 31 - Math.clz32(word & -word);
      }
    }
  }
}

function nextEntry(entries: Iterator<TermEntry>): TermEntry | null {
  const { value, done } = entries.next();
  return done === true ? null : value;
}

function survivingText({ root, droppedTextFrequencies, survivors }: MergeSource, entry: TermEntry): number {
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

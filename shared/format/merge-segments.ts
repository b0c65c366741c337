/**
 * Merges segments: decoded roots, their pages and tombstones go in, one segment of the surviving documents comes out,
 * the same as if it had been written from those documents. It works from posting lists and records as they are stored;
 * nothing is encoded again, and of texts nothing is even decoded.
 */
import { documentKey } from "../catalog/document-key.ts";
import { LzeroError } from "../errors.ts";
import { ByteWriter } from "./bytes.ts";
import { decodeDocumentHead, locateRecord } from "./document-page.ts";
import { pageCorrupt } from "./errors.ts";
import { MAX_SEGMENT_DOCUMENTS } from "./limits.ts";
import { PAGE_HEADER_BYTES } from "./page.ts";
import { encodePostingList } from "./posting-list.ts";
import {
  assembleSegment,
  type EncodedSegment,
  type SegmentContent,
  type SegmentOptions,
} from "./segment-assembly.ts";
import {
  decodePostingList,
  decodeSegmentPage,
  decodeStoredOwnTermIds,
  documentPlace,
  type SegmentRoot,
  type TermEntry,
} from "./segment-reader.ts";

export interface MergeInput {
  readonly root: SegmentRoot;
  /** KV values by page number, as `EncodedSegment.pages`; that of the root is not looked at again. */
  readonly pages: readonly Uint8Array[];
  /** Ordinals to drop, strictly ascending. */
  readonly tombstones: Uint32Array;
}

/** A document of the merged segment, as the catalog is told of it. */
export interface MergedDocument {
  readonly key: string;
  readonly version: number;
}

export interface MergedSegment {
  readonly segment: EncodedSegment;
  /** In ordinal order. */
  readonly documents: MergedDocument[];
}

/**
 * Merges segments into one. Documents keep their order: input by input, by ordinal.
 * @param newId 32 hex digits, random, never used before
 * @throws LzeroError `segment_input_invalid` for tombstones out of order or range, or an absent page; a decoder's;
 *   `page_too_large`, `segment_too_large`
 */
export function mergeSegments(
  newId: string,
  inputs: readonly MergeInput[],
  options: SegmentOptions = {},
): MergedSegment {
  const sources = openSources(inputs);
  const survivors = sources.reduce((sum, source) => sum + source.survivors, 0);
  if (survivors > MAX_SEGMENT_DOCUMENTS) {
    throw new LzeroError("segment_too_large", `${survivors} documents do not fit one segment`, {
      expected: MAX_SEGMENT_DOCUMENTS,
      actual: survivors,
    });
  }
  const { documents, records, recordEnds } = copyRecords(sources, survivors);
  const { columns, lists, cuts } = mergePostings(sources, survivors);
  const content = { documents: survivors, columns, lists, cuts, records, recordEnds };
  return { segment: assembleSegment(newId, content, options), documents };
}

const DROPPED = 0xffff_ffff;

interface MergeSource {
  readonly root: SegmentRoot;
  /** Payload by page number. */
  readonly payloads: readonly Uint8Array[];
  /** New ordinal of each ordinal, or DROPPED. */
  readonly newOrdinals: Uint32Array;
  readonly survivors: number;
  /** How many dropped documents contain a term in their own text. */
  readonly droppedTextFrequencies: ReadonlyMap<number, number>;
}

function openSources(inputs: readonly MergeInput[]): MergeSource[] {
  let next = 0;
  return inputs.map(({ root, pages, tombstones }) => {
    const payloads = Array.from({ length: root.pages }, (_, page) => {
      if (page === 0) return root.inlinePayload ?? new Uint8Array(0);
      const value = pages[page];
      if (value === undefined) throw invalidInput(root, `page ${page} is absent`);
      return decodeSegmentPage(root, value, page);
    });
    const newOrdinals = new Uint32Array(root.documents);
    let previous = -1;
    for (const ordinal of tombstones) {
      if (ordinal <= previous || ordinal >= root.documents) {
        throw invalidInput(root, `tombstone ${ordinal} is out of order or of range`);
      }
      newOrdinals[ordinal] = DROPPED;
      previous = ordinal;
    }
    const first = next;
    for (let ordinal = 0; ordinal < newOrdinals.length; ordinal++) {
      if (newOrdinals[ordinal] !== DROPPED) newOrdinals[ordinal] = next++;
    }
    return {
      root,
      payloads,
      newOrdinals,
      survivors: next - first,
      droppedTextFrequencies: countOwnTerms(root, payloads, tombstones),
    };
  });
}

function countOwnTerms(
  root: SegmentRoot,
  payloads: readonly Uint8Array[],
  ordinals: Uint32Array,
): Map<number, number> {
  const counts = new Map<number, number>();
  for (const ordinal of ordinals) {
    const payload = payloads[root.documentPageOf(ordinal).page]!;
    for (const termId of decodeStoredOwnTermIds(root, payload, ordinal)) {
      counts.set(termId, (counts.get(termId) ?? 0) + 1);
    }
  }
  return counts;
}

function copyRecords(
  sources: readonly MergeSource[],
  survivors: number,
): Pick<SegmentContent, "records" | "recordEnds"> & { documents: MergedDocument[] } {
  const writer = new ByteWriter(survivors * 256);
  const recordEnds = new Float64Array(survivors + 1);
  const documents: MergedDocument[] = [];
  for (const { root, payloads, newOrdinals } of sources) {
    for (const page of root.documentPages()) {
      const place = documentPlace(root, payloads[page.page]!, page);
      for (let ordinal = page.firstOrdinal; ordinal < page.firstOrdinal + page.count; ordinal++) {
        if (newOrdinals[ordinal] === DROPPED) continue;
        const { id, version } = decodeDocumentHead(place, ordinal);
        const { start, end } = locateRecord(place, ordinal);
        writer.bytes(place.payload.subarray(start, end));
        documents.push({ key: documentKey(id), version });
        recordEnds[documents.length] = writer.length;
      }
    }
  }
  return { documents, records: writer.view(), recordEnds };
}

/** Walks all directories at once in the order of term ids and writes each merged list as it goes. */
function mergePostings(
  sources: readonly MergeSource[],
  survivors: number,
): Pick<SegmentContent, "columns" | "lists" | "cuts"> {
  const cursors = sources.map((source) => ({ source, entries: source.root.entries() }));
  const heads = cursors.map(({ entries }) => nextEntry(entries));
  const terms: {
    termId: number;
    documentFrequency: number;
    textFrequency: number;
    maxImpact: number;
    length: number;
  }[] = [];
  const lists = new ByteWriter(sources.reduce((sum, { root }) => sum + root.postings * 2, 0));
  const cuts = new Map<number, number[]>();
  // One term's list at a time: never longer than the surviving documents.
  const ordinals = new Uint32Array(survivors);
  const impacts = new Uint8Array(survivors);

  for (;;) {
    let termId = Number.POSITIVE_INFINITY;
    for (const head of heads) if (head !== null && head.termId < termId) termId = head.termId;
    if (termId === Number.POSITIVE_INFINITY) break;
    let count = 0;
    let maxImpact = 0;
    let textFrequency = 0;
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
        ordinals[count] = ordinal;
        impacts[count] = impact;
        count++;
        if (impact > maxImpact) maxImpact = impact;
      }
    }
    if (count === 0 && textFrequency === 0) continue;
    const before = lists.length;
    const listCuts = encodePostingList(lists, ordinals, impacts, 0, count, survivors);
    if (listCuts.length > 0) cuts.set(terms.length, listCuts);
    terms.push({ termId, documentFrequency: count, textFrequency, maxImpact, length: lists.length - before });
  }
  return {
    columns: {
      termIds: Uint32Array.from(terms, (term) => term.termId),
      documentFrequencies: Uint32Array.from(terms, (term) => term.documentFrequency),
      textFrequencies: Uint32Array.from(terms, (term) => term.textFrequency),
      maxImpacts: Uint8Array.from(terms, (term) => term.maxImpact),
      lengths: Uint32Array.from(terms, (term) => term.length),
    },
    lists: lists.view(),
    cuts,
  };
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

function invalidInput(root: SegmentRoot, problem: string): LzeroError {
  return new LzeroError("segment_input_invalid", `${root.key}: ${problem}`, { key: root.key });
}

/**
 * What a merge reads: decoded roots, their pages and tombstones go in; payloads and the new ordinal of every surviving
 * document come out. It writes nothing.
 */
import { LzeroError } from "../errors.ts";
import { decodeSegmentPage, decodeStoredOwnTermIds, type SegmentRoot } from "./segment-reader.ts";

/** KV values by page number; an array is one. */
export interface PageValues {
  /** @returns undefined for a page that is not there */
  at(page: number): Uint8Array | undefined;
}

export interface MergeInput {
  readonly root: SegmentRoot;
  /** That of the root is not looked at again; the others are read a few times, about in the order of their numbers. */
  readonly pages: PageValues;
  /** Ordinals to drop, strictly ascending. */
  readonly tombstones: Uint32Array;
}

/** The new ordinal of a document that is dropped. */
export const DROPPED = 0xffff_ffff;

export interface MergeSource {
  readonly root: SegmentRoot;
  /** Checked payload of a page. @throws LzeroError `segment_input_invalid` for an absent page; a decoder's */
  readonly payloadOf: (page: number) => Uint8Array;
  /** New ordinal of each ordinal, or DROPPED. */
  readonly newOrdinals: Uint32Array;
  readonly survivors: number;
  /** How many dropped documents contain a term in their own text. */
  readonly droppedTextFrequencies: ReadonlyMap<number, number>;
}

/**
 * Opens the inputs of a merge; new ordinals keep the order, input by input, by ordinal.
 * @throws LzeroError `segment_input_invalid` for tombstones out of order or range, or an absent page; a decoder's
 */
export function openSources(inputs: readonly MergeInput[]): MergeSource[] {
  let next = 0;
  return inputs.map(({ root, pages, tombstones }) => {
    const payloadOf = rememberRecent(root, pages);
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
      payloadOf,
      newOrdinals,
      survivors: next - first,
      droppedTextFrequencies: countOwnTerms(root, payloadOf, tombstones),
    };
  });
}

export function countSurvivors(sources: readonly MergeSource[]): number {
  return sources.reduce((sum, { survivors }) => sum + survivors, 0);
}

/**
 * Gives the survivors another order, in the sources' own arrays.
 * @param order permutation of the new ordinals: which of them each place is given to
 */
export function reorderSources(sources: readonly MergeSource[], order: Uint32Array): void {
  const places = new Uint32Array(order.length);
  for (let place = 0; place < order.length; place++) places[order[place]!] = place;
  for (const { newOrdinals } of sources) {
    for (let ordinal = 0; ordinal < newOrdinals.length; ordinal++) {
      const newOrdinal = newOrdinals[ordinal]!;
      if (newOrdinal !== DROPPED) newOrdinals[ordinal] = places[newOrdinal]!;
    }
  }
}

/** Larger payloads hold one list or document, which is asked for once. */
const MAX_REMEMBERED_BYTES = 512 * 1024;
/** A page of packed lists is asked for again after that of a large list. */
const REMEMBERED_PAGES = 2;

/** Pages are walked in the order of what lies in them, so the last few are all that is worth keeping. */
function rememberRecent(root: SegmentRoot, pages: PageValues): (page: number) => Uint8Array {
  let recent: { readonly page: number; readonly payload: Uint8Array }[] = [];
  return (page) => {
    if (page === 0) return root.inlinePayload ?? new Uint8Array(0);
    const known = recent.find((each) => each.page === page);
    if (known !== undefined) return known.payload;
    const value = pages.at(page);
    if (value === undefined) throw invalidInput(root, `page ${page} is absent`);
    const payload = decodeSegmentPage(root, value, page);
    if (payload.length <= MAX_REMEMBERED_BYTES) {
      recent = [{ page, payload }, ...recent].slice(0, REMEMBERED_PAGES);
    }
    return payload;
  };
}

function countOwnTerms(
  root: SegmentRoot,
  payloadOf: (page: number) => Uint8Array,
  ordinals: Uint32Array,
): Map<number, number> {
  const counts = new Map<number, number>();
  for (const ordinal of ordinals) {
    const payload = payloadOf(root.documentPageOf(ordinal).page);
    for (const termId of decodeStoredOwnTermIds(root, payload, ordinal)) {
      counts.set(termId, (counts.get(termId) ?? 0) + 1);
    }
  }
  return counts;
}

function invalidInput(root: SegmentRoot, problem: string): LzeroError {
  return new LzeroError("segment_input_invalid", `${root.key}: ${problem}`, { key: root.key });
}

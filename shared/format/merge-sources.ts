/**
 * What a merge reads: decoded roots, their pages and tombstones go in; payloads and the new ordinal of every surviving
 * document come out. It writes nothing.
 */
import { LzeroError } from "../errors.ts";
import { decodeSegmentPage, decodeStoredOwnTermIds, type SegmentRoot } from "./segment-reader.ts";

export interface MergeInput {
  readonly root: SegmentRoot;
  /** KV values by page number, as `EncodedSegment.pages`; that of the root is not looked at again. */
  readonly pages: readonly Uint8Array[];
  /** Ordinals to drop, strictly ascending. */
  readonly tombstones: Uint32Array;
}

/** The new ordinal of a document that is dropped. */
export const DROPPED = 0xffff_ffff;

export interface MergeSource {
  readonly root: SegmentRoot;
  /** Payload by page number. */
  readonly payloads: readonly Uint8Array[];
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

/**
 * The same sources with their survivors in another order.
 * @param order permutation of the new ordinals: which of them each place is given to
 */
export function reorderSources(sources: readonly MergeSource[], order: Uint32Array): MergeSource[] {
  const places = new Uint32Array(order.length);
  for (let place = 0; place < order.length; place++) places[order[place]!] = place;
  return sources.map((source) => ({
    ...source,
    newOrdinals: source.newOrdinals.map((ordinal) => (ordinal === DROPPED ? DROPPED : places[ordinal]!)),
  }));
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

function invalidInput(root: SegmentRoot, problem: string): LzeroError {
  return new LzeroError("segment_input_invalid", `${root.key}: ${problem}`, { key: root.key });
}

/** Vectors by document → postings by term, by counting sort. Nothing is encoded or checked here. */
import type { SegmentDocument } from "./stored-document.ts";

/** Postings of all terms, term by term, ordinals ascending. */
export interface InvertedVectors {
  /** Uint32Array [termLimit + 1]: the postings of a term are at `[starts[term], starts[term + 1])`. */
  readonly starts: Uint32Array;
  readonly ordinals: Uint32Array;
  readonly impacts: Uint8Array;
  /** Uint32Array [termLimit]: documents whose own text contains the term. */
  readonly textFrequencies: Uint32Array;
}

/** @param documents their places become ordinals; term ids are ascending */
export function invertVectors(documents: readonly SegmentDocument[]): InvertedVectors {
  let termLimit = 0;
  for (const { termIds, ownTermIds } of documents) {
    termLimit = Math.max(termLimit, (termIds.at(-1) ?? -1) + 1, (ownTermIds.at(-1) ?? -1) + 1);
  }
  const starts = new Uint32Array(termLimit + 1);
  const textFrequencies = new Uint32Array(termLimit);
  for (const { termIds, ownTermIds } of documents) {
    for (let at = 0; at < termIds.length; at++) starts[termIds[at]! + 1]!++;
    for (let at = 0; at < ownTermIds.length; at++) textFrequencies[ownTermIds[at]!]!++;
  }
  for (let term = 0; term < termLimit; term++) starts[term + 1] = starts[term]! + starts[term + 1]!;

  const ordinals = new Uint32Array(starts[termLimit]!);
  const impacts = new Uint8Array(ordinals.length);
  const next = starts.slice();
  documents.forEach((document, ordinal) => {
    for (let at = 0; at < document.termIds.length; at++) {
      const place = next[document.termIds[at]!]!++;
      ordinals[place] = ordinal;
      impacts[place] = document.impacts[at]!;
    }
  });
  return { starts, ordinals, impacts, textFrequencies };
}

/** A document as a segment keeps it: what goes into `encodeSegment` and what comes back with a hit. */
import type { StoredFields } from "../messages/document.ts";

export type { StoredFields } from "../messages/document.ts";

/** One document of a segment to be written; its place in the array becomes its ordinal. */
export interface SegmentDocument {
  readonly id: string;
  /** Integer, 0 ≤ version ≤ 2^53 - 1. */
  readonly version: number;
  readonly fields: StoredFields;
  /** Strictly ascending. */
  readonly termIds: Uint32Array;
  /** Same length; 1..255. */
  readonly impacts: Uint8Array;
  /** Distinct ids of the document's own tokens, strictly ascending, whether or not they have an impact. */
  readonly ownTermIds: Uint32Array;
}

/** What a segment gives back of a document. */
export interface StoredDocument {
  readonly id: string;
  readonly version: number;
  readonly fields: StoredFields;
}

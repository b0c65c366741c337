/**
 * The order in which a writer should give documents to `encodeSegment` so that hits lie together; `mergeSegments` has it
 * as an option. Vectors go in, a permutation comes out.
 */
import { invertVectors } from "./invert-vectors.ts";
import { orderDocuments } from "./order-documents.ts";
import type { SegmentDocument } from "./stored-document.ts";
import { StrongTerms } from "./strong-terms.ts";

/** @returns Uint32Array [documents]: which of the documents each ordinal is for */
export function clusterDocuments(documents: readonly SegmentDocument[]): Uint32Array {
  const { starts, ordinals, impacts } = invertVectors(documents);
  const strong = new StrongTerms(documents.length);
  for (let term = 0; term + 1 < starts.length; term++) {
    strong.add(ordinals, impacts, starts[term]!, starts[term + 1]!);
  }
  return orderDocuments(strong.rows());
}

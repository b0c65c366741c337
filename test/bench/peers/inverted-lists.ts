/** Vectors by document turned into posting lists by term, in raw arrays. In: CSR rows. Out: the same, transposed. */
import type { BenchCollection } from "../collections/read-collection.ts";

/** The list of term t is offsets[t] … offsets[t + 1], ordinals ascending. */
export interface InvertedLists {
  readonly documents: number;
  /** [vocabularySize + 1] */
  readonly offsets: Uint32Array;
  readonly ordinals: Uint32Array;
  /** 1 … 255 */
  readonly impacts: Uint8Array;
}

export function invert({ vectors, impacts, meta }: BenchCollection): InvertedLists {
  const { indptr, terms } = vectors;
  const offsets = new Uint32Array(meta.vocabularySize + 1);
  for (const term of terms) offsets[term + 1]!++;
  for (let term = 0; term < meta.vocabularySize; term++) offsets[term + 1]! += offsets[term]!;
  const next = offsets.slice();
  const ordinals = new Uint32Array(terms.length);
  const byTerm = new Uint8Array(terms.length);
  for (let document = 0; document + 1 < indptr.length; document++) {
    for (let at = indptr[document]!; at < indptr[document + 1]!; at++) {
      const to = next[terms[at]!]!++;
      ordinals[to] = document;
      byTerm[to] = impacts[at]!;
    }
  }
  return { documents: indptr.length - 1, offsets, ordinals, impacts: byTerm };
}

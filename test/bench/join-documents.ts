/** Longer documents than a collection has: of several, one with all their terms, the larger impact of each. */
import type { SegmentDocument } from "../../shared/format/segment-writer.ts";

/** @param documents at least one; the first gives id and version */
export function joinDocuments(documents: readonly SegmentDocument[]): SegmentDocument {
  const [first, ...rest] = documents;
  if (rest.length === 0) return first!;
  const impactOf = new Map<number, number>();
  for (const { termIds, impacts } of documents) {
    termIds.forEach((termId, at) => {
      impactOf.set(termId, Math.max(impactOf.get(termId) ?? 0, impacts[at]!));
    });
  }
  const termIds = Uint32Array.from(impactOf.keys()).sort();
  const own = new Set(documents.flatMap(({ ownTermIds }) => [...ownTermIds]));
  return {
    ...first!,
    fields: { ...first!.fields, text: documents.map(({ fields }) => fields.text).join(" ") },
    termIds,
    impacts: Uint8Array.from(termIds, (termId) => impactOf.get(termId)!),
    ownTermIds: Uint32Array.from(own).sort(),
  };
}

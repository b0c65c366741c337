/**
 * View of a document: where it lies, what is stored of it, and its vector. Pages are the only source: they are
 * searched for the id, and the vector is put together from all posting lists of the segment.
 */
import { LzeroError } from "../../shared/errors.ts";
import { decodeDocumentHead } from "../../shared/format/document-page.ts";
import type { ManifestSegment } from "../../shared/format/manifest.ts";
import {
  decodePostingList,
  decodeStoredDocument,
  decodeStoredOwnTermIds,
  documentPlace,
  type PayloadOf,
  type SegmentRoot,
} from "../../shared/format/segment-reader.ts";
import type { StoredDocument } from "../../shared/format/stored-document.ts";
import { readListPages } from "../../shared/query/lists.ts";
import type { OpenedIndex, TermName } from "./opened-index.ts";

export interface VectorTerm extends TermName {
  readonly impact: number;
  /** In the model's units. */
  readonly weight: number;
  /** True: the term is in the document's own text; false: the model added it. */
  readonly isOwn: boolean;
}

export interface DocumentView extends StoredDocument {
  readonly segmentId: string;
  readonly ordinal: number;
  /** Page that holds the record, and its key. */
  readonly page: number;
  readonly key: string;
  /** Largest impact first. */
  readonly terms: readonly VectorTerm[];
  /** Terms of the document's own text that have no posting: pruned, or rounded to nothing. */
  readonly ownWithoutPosting: readonly TermName[];
}

interface FoundDocument {
  readonly segment: ManifestSegment;
  readonly root: SegmentRoot;
  readonly ordinal: number;
}

/**
 * Finds a live document and rebuilds its vector.
 * @throws LzeroError `document_not_found`, `page_missing`, or a decoder's
 */
export async function viewDocument(index: OpenedIndex, id: string): Promise<DocumentView> {
  const { segment, root, ordinal } = await findDocument(index, id);
  const { page } = root.documentPageOf(ordinal);
  const payload = await index.source.page(root, page);
  const ownTermIds = new Set(decodeStoredOwnTermIds(root, payload, ordinal));
  const terms = await gatherVector(index, root, ordinal, ownTermIds);
  const withPosting = new Set(terms.map(({ termId }) => termId));
  return {
    ...decodeStoredDocument(root, payload, ordinal),
    segmentId: segment.segmentId,
    ordinal,
    page,
    key: root.pageKey(page),
    terms,
    ownWithoutPosting: [...ownTermIds]
      .filter((termId) => !withPosting.has(termId))
      .map((termId) => index.nameOf(termId)),
  };
}

/** Looks at every record until a live one has the id; the newest segments come last and are asked first. */
async function findDocument(index: OpenedIndex, id: string): Promise<FoundDocument> {
  let deletedIn: string | null = null;
  for (const segment of index.manifest.segments.toReversed()) {
    const root = await index.source.root(segment);
    const deleted = new Set(segment.tombstones);
    for (const run of root.documentPages()) {
      const place = documentPlace(root, await index.source.page(root, run.page), run);
      for (let ordinal = run.firstOrdinal; ordinal < run.firstOrdinal + run.count; ordinal++) {
        if (decodeDocumentHead(place, ordinal).id !== id) continue;
        if (!deleted.has(ordinal)) return { segment, root, ordinal };
        deletedIn = segment.segmentId;
      }
    }
  }
  const { index: name, generation } = index.manifest;
  const remains = deletedIn === null ? "" : `; it was deleted, and segment ${deletedIn} still has its record`;
  throw new LzeroError(
    "document_not_found",
    `${name} has no document "${id}" in generation ${generation}${remains}`,
    {
      index: name,
      id,
      generation,
    },
  );
}

async function gatherVector(
  index: OpenedIndex,
  root: SegmentRoot,
  ordinal: number,
  ownTermIds: ReadonlySet<number>,
): Promise<VectorTerm[]> {
  const terms: VectorTerm[] = [];
  let page = -1;
  let payloadOf: PayloadOf = () => new Uint8Array(0);
  for (const entry of root.entries()) {
    if (entry.documentFrequency === 0) continue;
    if (entry.page !== page) {
      page = entry.page;
      payloadOf = await readListPages((part) => index.source.page(root, part), [entry]);
    }
    const { ordinals, impacts } = decodePostingList(root, payloadOf, entry);
    const at = ordinals.indexOf(ordinal);
    if (at < 0) continue;
    const impact = impacts[at]!;
    const name = index.nameOf(entry.termId);
    terms.push({ ...name, impact, weight: impact * index.impactUnit, isOwn: ownTermIds.has(entry.termId) });
  }
  return terms.sort((a, b) => b.impact - a.impact || a.termId - b.termId);
}

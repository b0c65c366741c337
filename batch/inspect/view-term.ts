/** View of a term: what the directories of all segments say of it, and its best postings. */
import { decodePostingList, decodeStoredDocument } from "../../shared/format/segment-reader.ts";
import { readListPages } from "../../shared/query/lists.ts";
import type { OpenedIndex, TermName } from "./opened-index.ts";

export interface TermListLine {
  readonly segmentId: string;
  readonly documentFrequency: number;
  readonly textFrequency: number;
  readonly maxImpact: number;
  readonly page: number;
  readonly sizeBytes: number;
}

export interface TermPosting {
  readonly id: string;
  readonly impact: number;
  /** In the model's units. */
  readonly weight: number;
  readonly segmentId: string;
  readonly ordinal: number;
}

export interface TermView extends TermName {
  /** Postings in all segments, those of tombstoned documents included until a merge drops them. */
  readonly documentFrequency: number;
  /** Documents whose own text has the term; tombstoned ones included as well. */
  readonly textFrequency: number;
  readonly maxImpact: number;
  readonly sizeBytes: number;
  /** Postings of live documents. */
  readonly livePostings: number;
  readonly lists: readonly TermListLine[];
  /** Of live documents, largest impact first; ties in the order of the manifest and the ordinals. */
  readonly topPostings: readonly TermPosting[];
}

/**
 * Reads a term's lists and the documents of its largest impacts.
 * @param limit postings wanted
 * @throws LzeroError `page_missing`, or a decoder's
 */
export async function viewTerm(index: OpenedIndex, term: TermName, limit: number): Promise<TermView> {
  const lists: TermListLine[] = [];
  const live: { readonly place: number; readonly ordinal: number; readonly impact: number }[] = [];
  for (const [place, segment] of index.manifest.segments.entries()) {
    const root = await index.source.root(segment);
    const entry = root.find(term.termId);
    if (entry === null) continue;
    const { documentFrequency, textFrequency, maxImpact, page, length } = entry;
    const { segmentId } = segment;
    lists.push({ segmentId, documentFrequency, textFrequency, maxImpact, page, sizeBytes: length });
    if (documentFrequency === 0) continue;
    const payloadOf = await readListPages((part) => index.source.page(root, part), [entry]);
    const { ordinals, impacts } = decodePostingList(root, payloadOf, entry);
    const deleted = new Set(segment.tombstones);
    ordinals.forEach((ordinal, at) => {
      if (!deleted.has(ordinal)) live.push({ place, ordinal, impact: impacts[at]! });
    });
  }
  live.sort((a, b) => b.impact - a.impact || a.place - b.place || a.ordinal - b.ordinal);
  const topPostings: TermPosting[] = [];
  for (const { place, ordinal, impact } of live.slice(0, limit)) {
    const segment = index.manifest.segments[place]!;
    const root = await index.source.root(segment);
    const payload = await index.source.page(root, root.documentPageOf(ordinal).page);
    const { id } = decodeStoredDocument(root, payload, ordinal);
    const weight = impact * index.impactUnit;
    topPostings.push({ id, impact, weight, segmentId: segment.segmentId, ordinal });
  }
  const sum = (of: (line: TermListLine) => number) => lists.reduce((total, line) => total + of(line), 0);
  return {
    ...term,
    documentFrequency: sum((line) => line.documentFrequency),
    textFrequency: sum((line) => line.textFrequency),
    maxImpact: Math.max(0, ...lists.map(({ maxImpact }) => maxImpact)),
    sizeBytes: sum(({ sizeBytes }) => sizeBytes),
    livePostings: live.length,
    lists,
    topPostings,
  };
}

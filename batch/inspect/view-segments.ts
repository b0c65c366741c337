/** Views of an index, a segment and a page, as plain objects that become JSON or tables. */
import { LzeroError } from "../../shared/errors.ts";
import type { ManifestSegment } from "../../shared/format/manifest.ts";
import { checksumText, PAGE_KIND } from "../../shared/format/page.ts";
import {
  decodeStoredDocument,
  type SegmentRoot,
  type TermEntry,
} from "../../shared/format/segment-reader.ts";
import { pagesOf } from "../../shared/query/lists.ts";
import type { OpenedIndex, TermName } from "./opened-index.ts";

export interface SegmentLine {
  readonly segmentId: string;
  /** Tombstoned ones included. */
  readonly documents: number;
  readonly tombstones: number;
  readonly pages: number;
  readonly sizeBytes: number;
}

export interface IndexView {
  readonly index: string;
  readonly generation: number;
  readonly createdAt: string;
  readonly settings: object;
  readonly model: object | null;
  readonly segments: readonly SegmentLine[];
  readonly totals: Omit<SegmentLine, "segmentId">;
}

export function viewIndex({ manifest }: OpenedIndex): IndexView {
  const segments = manifest.segments.map(lineOf);
  const sum = (of: (line: SegmentLine) => number) => segments.reduce((total, line) => total + of(line), 0);
  return {
    index: manifest.index,
    generation: manifest.generation,
    createdAt: new Date(manifest.createdAtMs).toISOString(),
    settings: manifest.settings,
    model: manifest.model,
    segments,
    totals: {
      documents: sum(({ documents }) => documents),
      tombstones: sum(({ tombstones }) => tombstones),
      pages: sum(({ pages }) => pages),
      sizeBytes: sum(({ sizeBytes }) => sizeBytes),
    },
  };
}

export interface PageLine {
  readonly page: number;
  readonly kind: "root" | "postings" | "documents";
  readonly sizeBytes: number;
  readonly checksum: string;
  /** Posting lists in the page, wholly or in part. */
  readonly lists: number;
  /** Documents in the page, tombstoned ones included. */
  readonly documents: number;
  readonly firstOrdinal: number | null;
}

export interface SegmentView extends SegmentLine {
  readonly postings: number;
  readonly terms: number;
  readonly deletedOrdinals: readonly number[];
  readonly pageList: readonly PageLine[];
}

/** @throws LzeroError `page_missing`, or a decoder's */
export async function viewSegment(index: OpenedIndex, segment: ManifestSegment): Promise<SegmentView> {
  const root = await index.source.root(segment);
  const lists = new Uint32Array(root.pages);
  for (const entry of root.entries()) {
    if (entry.documentFrequency > 0) for (const page of pagesOf(entry)) lists[page]!++;
  }
  const runs = new Map(root.documentPages().map((run) => [run.page, run]));
  let others = 0;
  for (let page = 1; page < root.pages; page++) others += root.pageEntry(page).sizeBytes;
  return {
    ...lineOf(segment),
    postings: root.postings,
    terms: root.termCount,
    deletedOrdinals: [...segment.tombstones],
    pageList: Array.from({ length: root.pages }, (_, page) => ({
      page,
      kind: kindOf(root, page),
      sizeBytes: page === 0 ? segment.sizeBytes - others : root.pageEntry(page).sizeBytes,
      checksum: page === 0 ? root.checksum : checksumText(root.pageEntry(page).checksum),
      lists: lists[page]!,
      documents: runs.get(page)?.count ?? 0,
      firstOrdinal: runs.get(page)?.firstOrdinal ?? null,
    })),
  };
}

export interface ListLine extends TermName {
  readonly documentFrequency: number;
  readonly textFrequency: number;
  readonly maxImpact: number;
  readonly sizeBytes: number;
}

export interface DocumentLine {
  readonly ordinal: number;
  readonly id: string;
  readonly version: number;
  readonly isDeleted: boolean;
  readonly title: string | null;
  readonly text: string;
}

export interface PageView {
  readonly segmentId: string;
  readonly page: number;
  readonly key: string;
  readonly kind: PageLine["kind"];
  readonly lists: readonly ListLine[];
  readonly documents: readonly DocumentLine[];
}

/** @throws LzeroError `page_out_of_range`, `page_missing`, or a decoder's */
export async function viewPage(
  index: OpenedIndex,
  segment: ManifestSegment,
  page: number,
): Promise<PageView> {
  const root = await index.source.root(segment);
  if (page >= root.pages) {
    throw new LzeroError(
      "page_out_of_range",
      `segment ${segment.segmentId} has the pages 0 to ${root.pages - 1}, not ${page}`,
      { segmentId: segment.segmentId, expected: root.pages - 1, actual: page },
    );
  }
  const view = { segmentId: segment.segmentId, page, key: root.pageKey(page), kind: kindOf(root, page) };
  if (page === 0 && root.inlinePayload === null) return { ...view, lists: [], documents: [] };
  const payload = await index.source.page(root, page);
  const lists = [...root.entries()]
    .filter((entry) => pagesOf(entry).includes(page) && entry.documentFrequency > 0)
    .map((entry) => listLine(index, entry));
  const run = root.documentPages().find((candidate) => candidate.page === page);
  const deleted = new Set(segment.tombstones);
  const documents = Array.from({ length: run?.count ?? 0 }, (_, at) => {
    const ordinal = run!.firstOrdinal + at;
    const { id, version, fields } = decodeStoredDocument(root, payload, ordinal);
    return { ordinal, id, version, isDeleted: deleted.has(ordinal), title: fields.title, text: fields.text };
  });
  return { ...view, lists, documents };
}

function listLine(index: OpenedIndex, entry: TermEntry): ListLine {
  const { termId, documentFrequency, textFrequency, maxImpact, length } = entry;
  return { ...index.nameOf(termId), documentFrequency, textFrequency, maxImpact, sizeBytes: length };
}

function lineOf({ segmentId, documents, tombstones, pages, sizeBytes }: ManifestSegment): SegmentLine {
  return { segmentId, documents, tombstones: tombstones.length, pages, sizeBytes };
}

function kindOf(root: SegmentRoot, page: number): PageLine["kind"] {
  if (page === 0) return "root";
  return root.pageEntry(page).kind === PAGE_KIND.postings ? "postings" : "documents";
}

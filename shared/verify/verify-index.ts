/**
 * Verifies a generation: every page that its manifest names is read and checked, by itself and against the others. A
 * manifest and a reader go in, a report comes out. What is stored beside the generation it does not see.
 */
import { isLzeroError, LzeroError } from "../errors.ts";
import { decodeManifest, type Manifest } from "../format/manifest.ts";
import { manifestKey, pageKey, tablesKey } from "../storage/keys.ts";
import type { PageReader } from "../storage/page-store.ts";
import { checkQueryTables } from "./check-query-tables.ts";
import { DocumentPlaces } from "./document-places.ts";
import { ProblemList, type VerifyProblem } from "./problem.ts";
import { verifySegment } from "./verify-segment.ts";

export interface VerifyReport {
  readonly index: string;
  /** Null when the manifest itself cannot be read (`verifyCurrent`). */
  readonly generation: number | null;
  readonly segments: number;
  /** Values that were there, query tables included, and their bytes. */
  readonly pages: number;
  readonly bytes: number;
  /** As the manifest counts them, tombstoned ones included. */
  readonly documents: number;
  readonly tombstones: number;
  /** Postings that were read and found right. */
  readonly postings: number;
  /** The first MAX_LISTED_PROBLEMS, in the order of the manifest and its pages. */
  readonly problems: readonly VerifyProblem[];
  /** All of them. */
  readonly problemCount: number;
}

export interface VerifyProgress {
  /** Values asked for so far, of how many. */
  readonly pages: number;
  readonly totalPages: number;
  readonly bytes: number;
}

export interface VerifyOptions {
  readonly onProgress?: (progress: VerifyProgress) => void;
}

/**
 * Reads and checks all pages of a generation.
 * @throws what the reader throws: a read that fails says nothing about the index
 */
export async function verifyIndex(
  reader: PageReader,
  manifest: Manifest,
  { onProgress }: VerifyOptions = {},
): Promise<VerifyReport> {
  const { index, segments, model } = manifest;
  const problems = new ProblemList();
  const places = new DocumentPlaces();
  const totalPages = segments.reduce((sum, segment) => sum + segment.pages, model === null ? 0 : 1);
  let asked = 0;
  let pages = 0;
  let bytes = 0;
  const onPage = (sizeBytes: number | null) => {
    asked++;
    if (sizeBytes !== null) pages++;
    bytes += sizeBytes ?? 0;
    onProgress?.({ pages: asked, totalPages, bytes });
  };

  checkSegmentList(manifest, problems);
  let vocabularySize: number | null = null;
  if (model !== null) {
    const key = tablesKey(model.tables);
    const value = await reader.read(key);
    onPage(value?.length ?? null);
    if (value === null)
      problems.addError(new LzeroError("page_missing", `${key} is not there`, { key }), key);
    else vocabularySize = checkQueryTables(value, model.tables, problems);
  }
  let postings = 0;
  for (const [place, segment] of segments.entries()) {
    const describePlace = (at: number, ordinal: number) => `${segments[at]!.segmentId} ordinal ${ordinal}`;
    const check = { reader, index, segment, place, vocabularySize, places, describePlace, problems, onPage };
    postings += await verifySegment(check);
  }
  return {
    index,
    generation: manifest.generation,
    segments: segments.length,
    pages,
    bytes,
    documents: segments.reduce((sum, segment) => sum + segment.documents, 0),
    tombstones: segments.reduce((sum, segment) => sum + segment.tombstones.length, 0),
    postings,
    problems: problems.listed,
    problemCount: problems.count,
  };
}

/** Generations that are tried: one that is replaced meanwhile may lose its pages to collection. */
const MAX_ATTEMPTS = 3;

/**
 * Verifies the generation that the store's manifest names. When pages are missing and another generation is current by
 * now, that one is verified instead. A damaged manifest is a finding, the only one.
 * @throws LzeroError `index_not_found`; what the reader throws
 */
export async function verifyCurrent(
  reader: PageReader,
  index: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  for (let attempt = 1; ; attempt++) {
    const manifest = await readManifestOrFinding(reader, index);
    if ("problems" in manifest) return manifest;
    const report = await verifyIndex(reader, manifest, options);
    const isMissing = report.problems.some(({ code }) => code === "page_missing");
    if (!isMissing || attempt === MAX_ATTEMPTS) return report;
    const current = await readManifestOrFinding(reader, index);
    if (current.generation === report.generation) return report;
  }
}

async function readManifestOrFinding(reader: PageReader, index: string): Promise<Manifest | VerifyReport> {
  try {
    return await readManifest(reader, index);
  } catch (error) {
    if (
      !isLzeroError(error) ||
      error.details.key !== manifestKey(index) ||
      error.code === "index_not_found"
    ) {
      throw error;
    }
    const problems = new ProblemList();
    problems.addError(error, manifestKey(index));
    const nothing = { segments: 0, pages: 0, bytes: 0, documents: 0, tombstones: 0, postings: 0 };
    return { index, generation: null, ...nothing, problems: problems.listed, problemCount: 1 };
  }
}

/**
 * Reads the manifest that readers see.
 * @throws LzeroError `index_not_found`, or a decoder's when the manifest itself is damaged
 */
export async function readManifest(reader: PageReader, index: string): Promise<Manifest> {
  const key = manifestKey(index);
  const value = await reader.read(key);
  if (value === null) {
    throw new LzeroError("index_not_found", `there is no index "${index}": ${key} is not in the store`, {
      index,
      key,
    });
  }
  return decodeManifest(value, index, key);
}

function checkSegmentList({ index, segments, model }: Manifest, problems: ProblemList): void {
  const key = manifestKey(index);
  if (segments.length > 0 && model === null) {
    problems.add("model_missing", key, `${segments.length} segments but no model`);
  }
  const seen = new Set<string>();
  for (const { segmentId } of segments) {
    if (seen.has(segmentId)) {
      const message = `segment ${segmentId} is listed twice`;
      problems.add("segment_duplicate", key, message, { segmentId, page: pageKey(index, segmentId, 0) });
    }
    seen.add(segmentId);
  }
}

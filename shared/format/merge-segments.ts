/**
 * Merges segments: decoded roots, their pages and tombstones go in, one segment of the surviving documents comes out,
 * the same as if it had been written from those documents. It works from posting lists and records as they are stored;
 * nothing is encoded again, and of texts nothing is even decoded.
 */
import { documentKey } from "../catalog/document-key.ts";
import { LzeroError } from "../errors.ts";
import { ByteWriter } from "./bytes.ts";
import { decodeDocumentHead, locateRecord } from "./document-page.ts";
import { MAX_SEGMENT_DOCUMENTS } from "./limits.ts";
import { countSurvivors, mergedTerms, mergePostings } from "./merge-postings.ts";
import { DROPPED, type MergeInput, type MergeSource, openSources, reorderSources } from "./merge-sources.ts";
import { orderDocuments } from "./order-documents.ts";
import {
  assembleSegment,
  type EncodedSegment,
  type SegmentContent,
  type SegmentOptions,
} from "./segment-assembly.ts";
import { documentPlace } from "./segment-reader.ts";
import { StrongTerms } from "./strong-terms.ts";

export type { MergeInput } from "./merge-sources.ts";

/** A document of the merged segment, as the catalog is told of it. */
export interface MergedDocument {
  readonly key: string;
  readonly version: number;
}

export interface MergedSegment {
  readonly segment: EncodedSegment;
  /** In ordinal order. */
  readonly documents: MergedDocument[];
}

export interface MergeOptions extends SegmentOptions {
  /**
   * `given` keeps the order of the documents: input by input, by ordinal. `clustered` lays those together that have the
   * same terms, so that the hits of a query lie in few pages; a million documents take it a minute or two.
   * @default "given"
   */
  readonly order?: "given" | "clustered";
}

/**
 * Merges segments into one.
 * @param newId 32 hex digits, random, never used before
 * @throws LzeroError `segment_input_invalid` for tombstones out of order or range, or an absent page; a decoder's;
 *   `page_too_large`, `segment_too_large`
 */
export function mergeSegments(
  newId: string,
  inputs: readonly MergeInput[],
  { order = "given", ...options }: MergeOptions = {},
): MergedSegment {
  const given = openSources(inputs);
  const survivors = countSurvivors(given);
  if (survivors > MAX_SEGMENT_DOCUMENTS) {
    throw new LzeroError("segment_too_large", `${survivors} documents do not fit one segment`, {
      expected: MAX_SEGMENT_DOCUMENTS,
      actual: survivors,
    });
  }
  const sources = order === "clustered" ? clusterSources(given) : given;
  const { documents, records, recordEnds } = copyRecords(sources);
  const { columns, lists, cuts } = mergePostings(sources);
  const content = { documents: survivors, columns, lists, cuts, records, recordEnds };
  return { segment: assembleSegment(newId, content, options), documents };
}

function clusterSources(sources: readonly MergeSource[]): MergeSource[] {
  const strong = new StrongTerms(countSurvivors(sources));
  for (const { ordinals, impacts, count } of mergedTerms(sources)) strong.add(ordinals, impacts, 0, count);
  return reorderSources(sources, orderDocuments(strong.rows()));
}

function copyRecords(
  sources: readonly MergeSource[],
): Pick<SegmentContent, "records" | "recordEnds"> & { documents: MergedDocument[] } {
  const { sourceOf, ordinalOf } = findOrigins(sources);
  const writer = new ByteWriter(ordinalOf.length * 256);
  const recordEnds = new Float64Array(ordinalOf.length + 1);
  const documents: MergedDocument[] = [];
  for (let at = 0; at < ordinalOf.length; at++) {
    const { root, payloads } = sources[sourceOf[at]!]!;
    const ordinal = ordinalOf[at]!;
    const page = root.documentPageOf(ordinal);
    const place = documentPlace(root, payloads[page.page]!, page);
    const { id, version } = decodeDocumentHead(place, ordinal);
    const { start, end } = locateRecord(place, ordinal);
    writer.bytes(place.payload.subarray(start, end));
    documents.push({ key: documentKey(id), version });
    recordEnds[at + 1] = writer.length;
  }
  return { documents, records: writer.view(), recordEnds };
}

/** Where each surviving document comes from, by its new ordinal. */
function findOrigins(sources: readonly MergeSource[]): { sourceOf: Uint32Array; ordinalOf: Uint32Array } {
  const sourceOf = new Uint32Array(countSurvivors(sources));
  const ordinalOf = new Uint32Array(sourceOf.length);
  sources.forEach(({ newOrdinals }, source) => {
    for (let ordinal = 0; ordinal < newOrdinals.length; ordinal++) {
      const newOrdinal = newOrdinals[ordinal]!;
      if (newOrdinal === DROPPED) continue;
      sourceOf[newOrdinal] = source;
      ordinalOf[newOrdinal] = ordinal;
    }
  });
  return { sourceOf, ordinalOf };
}

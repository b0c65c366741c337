/**
 * Checks one run of document records: every record decodes, they fill their room one after another, own terms are
 * counted and live ids are noted. Payloads of checked pages come in.
 */
import { documentKey } from "../catalog/document-key.ts";
import {
  decodeDocument,
  decodeOwnTermIds,
  documentBodyBytes,
  locateRecord,
} from "../format/document-page.ts";
import { type DocumentPage, documentPlace, type SegmentRoot } from "../format/segment-reader.ts";
import type { DocumentPlaces } from "./document-places.ts";
import type { ProblemList } from "./problem.ts";
import type { TermCounts } from "./term-counts.ts";

export interface DocumentCheck {
  readonly root: SegmentRoot;
  /** The segment's place in the manifest. */
  readonly segment: number;
  readonly isDeleted: (ordinal: number) => boolean;
  /** Live documents of all segments so far. */
  readonly places: DocumentPlaces;
  /** Raised for each document's own terms. */
  readonly textFrequencies: TermCounts;
  /** Says where a document lies, for messages. */
  readonly describePlace: (segment: number, ordinal: number) => string;
  readonly problems: ProblemList;
}

/** @returns whether every record was read, so that the text frequencies are complete */
export function checkDocuments(check: DocumentCheck, payload: Uint8Array, page: DocumentPage): boolean {
  const { root, problems } = check;
  const place = documentPlace(root, payload, page);
  let isWhole = true;
  let end = page.offset + documentBodyBytes(page.count, 0);
  for (let index = 0; index < page.count; index++) {
    const ordinal = page.firstOrdinal + index;
    const record = problems.attempt(place.key, () => {
      const located = locateRecord(place, ordinal);
      const { id } = decodeDocument(place, ordinal);
      return { ...located, id, ownTermIds: decodeOwnTermIds(place, ordinal) };
    });
    if (record === null) {
      isWhole = false;
      // Where the next record begins cannot be known.
      end = -1;
      continue;
    }
    if (end >= 0 && record.start !== end) {
      problems.add("records_not_contiguous", place.key, `the record of ordinal ${ordinal} is out of place`, {
        ordinal,
        stated: record.start,
        found: end,
      });
    }
    end = record.end;
    for (const termId of record.ownTermIds) check.textFrequencies.raise(termId);
    if (!check.isDeleted(ordinal)) noteLive(check, place.key, record.id, ordinal);
  }
  if (end >= 0 && end !== page.offset + page.length) {
    problems.add("records_not_contiguous", place.key, "bytes follow the last record", {
      stated: page.offset + page.length,
      found: end,
    });
  }
  return isWhole;
}

function noteLive(check: DocumentCheck, key: string, id: string, ordinal: number): void {
  const { segment, places, problems } = check;
  const earlier = places.add(documentKey(id), { segment, ordinal });
  if (earlier === null) return;
  const where = check.describePlace(earlier.segment, earlier.ordinal);
  problems.add("document_duplicate", key, `document ${JSON.stringify(id)} is live here and at ${where}`, {
    id,
    ordinal,
    other: where,
  });
}

/**
 * What a check finds wrong, collected instead of thrown, so that one run names all the damage. Findings go in; a
 * bounded list and their number come out.
 */
import { type ErrorDetails, isLzeroError } from "../errors.ts";

/**
 * Codes of findings that no decoder has, each with what it means. Decoders' codes (`page_missing`, `page_truncated`,
 * `page_corrupt`, `page_unexpected`, `page_version_newer`) are kept as they are.
 */
export const FINDING_CODES = {
  manifest_disagrees: "the manifest says something else of a segment than its pages",
  model_missing: "there are segments but no model",
  segment_duplicate: "one segment is listed twice",
  tombstones_unsorted: "tombstones are not strictly ascending",
  tombstone_out_of_range: "a tombstone names an ordinal that the segment does not have",
  posting_list_malformed: "the bytes of a posting list are no posting list",
  document_frequency_wrong: "a posting list has another number of postings than the directory says",
  ordinals_unsorted: "the ordinals of a posting list are not strictly ascending",
  ordinal_out_of_range: "a posting names an ordinal that the segment does not have",
  impact_zero: "a posting has impact 0",
  max_impact_wrong: "the largest impact of a posting list is not the one that the directory says",
  text_frequency_wrong: "a term's own-text count is not what the documents' own terms add up to",
  term_out_of_vocabulary: "a term id lies beyond the vocabulary",
  records_not_contiguous: "document records overlap or leave bytes between them",
  document_duplicate: "one document id is live twice",
  catalog_disagrees: "the catalog says something else of the generation than KV",
  fingerprint_wrong: "query tables are not those that their fingerprint names",
  vocabulary_invalid: "the vocabulary of the query tables cannot be read",
} as const;
export type FindingCode = keyof typeof FINDING_CODES;

export interface VerifyProblem {
  /** A `FindingCode` or a decoder's error code. */
  readonly code: string;
  /** Of the KV value that is wrong. */
  readonly key: string;
  readonly message: string;
  readonly details: ErrorDetails;
}

/** One damaged page can hold thousands of wrong lists: beyond this they are only counted. */
export const MAX_LISTED_PROBLEMS = 1000;

export class ProblemList {
  readonly listed: VerifyProblem[] = [];
  /** All, listed or not. */
  count = 0;

  add(code: FindingCode, key: string, message: string, details: ErrorDetails = {}): void {
    this.#push({ code, key, message: `${key}: ${message}`, details: { key, ...details } });
  }

  /** Notes an error of a decoder; `key` where the error names none. Anything else is thrown on: it is no finding. */
  addError(error: unknown, key: string): void {
    if (!isLzeroError(error)) throw error;
    const { code, message, details } = error;
    this.#push({ code, key: typeof details.key === "string" ? details.key : key, message, details });
  }

  /** Runs a decoder. @returns null, with the problem noted, when it refuses */
  attempt<Result>(key: string, decode: () => Result): Result | null {
    try {
      return decode();
    } catch (error) {
      this.addError(error, key);
      return null;
    }
  }

  #push(problem: VerifyProblem): void {
    this.count++;
    if (this.listed.length < MAX_LISTED_PROBLEMS) this.listed.push(problem);
  }
}

/**
 * Checks one posting list against its directory entry. The production decoder is asked first; what it gives is checked
 * again, and what it refuses is read once more without trust in the directory, to say which of the two is wrong.
 */
import { decodePostings, MIN_RUN_POSTINGS, type PostingListPlace } from "../format/posting-list.ts";
import type { FindingCode, ProblemList } from "./problem.ts";

interface Finding {
  readonly code: FindingCode;
  readonly what: string;
  readonly stated: number;
  readonly found: number;
}

/** @returns whether the list is as the directory says */
export function checkPostingList(place: PostingListPlace, termId: number, problems: ProblemList): boolean {
  const { key, payload, offset, length } = place.parts[0]!;
  let ordinals: ArrayLike<number>;
  let impacts: ArrayLike<number>;
  let refusal: unknown = null;
  try {
    ({ ordinals, impacts } = decodePostings(place));
  } catch (error) {
    refusal = error;
    if (place.formatVersion > 1 && place.documentFrequency >= MIN_RUN_POSTINGS) {
      // A run says itself what of it is wrong: its counts and extremes are in its header.
      problems.addError(error, key);
      return false;
    }
    const list = splitList(payload.subarray(offset, offset + length));
    if (list === null) {
      problems.add("posting_list_malformed", key, `the list of term ${termId} is no posting list`, {
        termId,
        offset,
        length,
      });
      return false;
    }
    ({ ordinals, impacts } = list);
  }
  const finding = findWrong(place, ordinals, impacts);
  if (finding !== null) {
    const { code, what, stated, found } = finding;
    problems.add(code, key, `term ${termId}: ${what} is ${found}, expected ${stated}`, {
      termId,
      stated,
      found,
    });
  } else if (refusal !== null) problems.addError(refusal, key);
  return finding === null && refusal === null;
}

function findWrong(
  place: PostingListPlace,
  ordinals: ArrayLike<number>,
  impacts: ArrayLike<number>,
): Finding | null {
  const { documentFrequency, documents } = place;
  if (ordinals.length !== documentFrequency || impacts.length !== documentFrequency) {
    const found = ordinals.length;
    return {
      code: "document_frequency_wrong",
      what: "the document frequency",
      stated: documentFrequency,
      found,
    };
  }
  let maxImpact = 0;
  for (let at = 0; at < ordinals.length; at++) {
    const ordinal = ordinals[at]!;
    if (at > 0 && ordinal <= ordinals[at - 1]!) {
      const stated = ordinals[at - 1]! + 1;
      return { code: "ordinals_unsorted", what: "the next ordinal", stated, found: ordinal };
    }
    if (ordinal >= documents) {
      return { code: "ordinal_out_of_range", what: "an ordinal", stated: documents - 1, found: ordinal };
    }
    const impact = impacts[at]!;
    if (impact === 0) return { code: "impact_zero", what: "an impact", stated: 1, found: 0 };
    if (impact > maxImpact) maxImpact = impact;
  }
  if (maxImpact !== place.maxImpact) {
    return {
      code: "max_impact_wrong",
      what: "the largest impact",
      stated: place.maxImpact,
      found: maxImpact,
    };
  }
  return null;
}

/**
 * Splits a list by its bytes alone: n gaps are followed by n impacts, so that the number of gaps read must meet the
 * number of bytes left. It goes up as that goes down: they meet once or never.
 * @returns null when they never meet
 */
function splitList(bytes: Uint8Array): { ordinals: number[]; impacts: Uint8Array } | null {
  const ordinals: number[] = [];
  let ordinal = 0;
  let at = 0;
  while (bytes.length - at > ordinals.length) {
    let gap = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = bytes[at++];
      if (byte === undefined || scale > 0x80 ** 4) return null;
      gap += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    ordinal += gap;
    ordinals.push(ordinal);
  }
  return bytes.length - at === ordinals.length ? { ordinals, impacts: bytes.subarray(at) } : null;
}

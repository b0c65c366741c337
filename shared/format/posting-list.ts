/**
 * The posting list of format version 2, and one interface over the lists of both versions. Ordinals and impacts go in,
 * bytes come out and back. How postings become bits is `posting-run.ts`; which page holds a list is for the segment.
 *
 * Which of three forms a list has follows from its document frequency and the segment's number of documents: a few
 * postings as in version 1; sparse ones as one run; the others as a run for each window of 65,536 ordinals, so that
 * a query is scored window by window in accumulators that fit the cache.
 */
import { ByteReader, type ByteWriter } from "./bytes.ts";
import { pageCorrupt } from "./errors.ts";
import { PAGE_HEADER_BYTES } from "./page.ts";
import { decodePostingsV1, encodePostingListV1 } from "./posting-list-v1.ts";
import { decodeRun, encodeRun, openRun, RUN_SLACK_BYTES, type Run } from "./posting-run.ts";
import { accumulateRun, accumulateRunTouching, probeRun } from "./run-scoring.ts";

/** Ordinals of a window. */
export const WINDOW_ORDINALS = 65_536;
const WINDOW_SHIFT = 16;
/** A list of fewer postings has no run: the header would outweigh them. */
export const MIN_RUN_POSTINGS = 8;
/** A list with fewer postings a window than this is one run over all windows. */
export const MIN_WINDOW_POSTINGS = 64;

export interface PostingList {
  /** Strictly ascending. */
  readonly ordinals: Uint32Array;
  /** Same length; 1…255. */
  readonly impacts: Uint8Array;
}

/** Bytes of a list in one page. */
export interface ListPart {
  readonly key: string;
  /** Of the page. */
  readonly payload: Uint8Array;
  /** Offset in the payload; `offset + length` is checked here. */
  readonly offset: number;
  readonly length: number;
}

/** Where a list lies, and what its directory entry says about it. */
export interface PostingListPlace {
  readonly formatVersion: number;
  /** At least one; several when the list is split between windows. */
  readonly parts: readonly ListPart[];
  readonly documentFrequency: number;
  readonly maxImpact: number;
  /** Documents of the segment: ordinals lie below. */
  readonly documents: number;
}

/** A list as scoring sees it: window by window, without an array of it being made where that can be helped. */
export interface WindowedPostings {
  /** Postings in a window. */
  count(window: number): number;
  /** Largest impact in a window; 0 without postings. */
  maxImpact(window: number): number;
  /**
   * Adds `weight · impact` of a window's postings to the accumulators, which begin at the window's first ordinal.
   * @throws LzeroError `page_corrupt`
   */
  accumulate(window: number, weight: number, accumulators: Int32Array): void;
  /**
   * The same, listing the accumulators that were 0 before.
   * @param touched has room for as many more as the window has postings, and one
   * @param touchedCount how many it holds
   * @returns how many it holds now
   * @throws LzeroError `page_corrupt`
   */
  accumulateTouching(
    window: number,
    weight: number,
    accumulators: Int32Array,
    touched: Uint16Array,
    touchedCount: number,
  ): number;
  /**
   * Adds `weight · impact` to the scores of candidates.
   * @param candidates strictly ascending, relative to the window
   * @param scores theirs, in their order
   * @returns postings that were decoded
   */
  probe(
    window: number,
    weight: number,
    candidates: Uint16Array,
    scores: Int32Array,
    candidateCount: number,
  ): number;
  /** The postings of a window as a run, for loops of one's own; null when there are none, or they are not in a run. */
  run(window: number): Run | null;
}

/**
 * Appends `ordinals[start, end)` and their impacts as one list; the caller has checked order and range.
 * @param documents of the segment
 * @returns offsets in the list at which it may be split, ascending: where its windows begin, but for the first
 */
export function encodePostingList(
  writer: ByteWriter,
  ordinals: Uint32Array,
  impacts: Uint8Array,
  start: number,
  end: number,
  documents: number,
): number[] {
  const form = formOf(end - start, documents);
  if (form === "short") encodePostingListV1(writer, ordinals, impacts, start, end);
  else if (form !== "windows") encodeRun(writer, ordinals, impacts, start, end, 0, form === "window");
  else return encodeWindows(writer, ordinals, impacts, start, end);
  return [];
}

/** Decodes a list into arrays. @throws LzeroError `page_corrupt` */
export function decodePostings(place: PostingListPlace): PostingList {
  const { documentFrequency, documents } = place;
  checkExtents(place);
  const form = place.formatVersion === 1 ? "short" : formOf(documentFrequency, documents);
  if (form === "short") return decodePostingsV1({ ...place, ...onlyPart(place) });
  const list = { ordinals: new Uint32Array(documentFrequency), impacts: new Uint8Array(documentFrequency) };
  let maxImpact = 0;
  let into = 0;
  for (const run of openRuns(place, form === "windows")) {
    const limit = form === "windows" ? Math.min(documents, run.base + WINDOW_ORDINALS) : documents;
    decodeRun(run, list.ordinals, list.impacts, into, limit);
    into += run.count;
    maxImpact = Math.max(maxImpact, run.maxImpact);
  }
  checkMaxImpact(place, maxImpact);
  return list;
}

/** Opens a list for scoring. @throws LzeroError `page_corrupt` */
export function openPostings(place: PostingListPlace): WindowedPostings {
  const form = place.formatVersion === 1 ? "short" : formOf(place.documentFrequency, place.documents);
  if (form === "short" || form === "run") return new DecodedPostings(decodePostings(place), place.documents);
  checkExtents(place);
  const runs = openRuns(place, form === "windows");
  checkMaxImpact(
    place,
    runs.reduce((maximum, run) => Math.max(maximum, run.maxImpact), 0),
  );
  return new RunPostings(runs, place.documents);
}

type Form = "short" | "run" | "window" | "windows";

function formOf(documentFrequency: number, documents: number): Form {
  if (documentFrequency < MIN_RUN_POSTINGS) return "short";
  if (documents <= WINDOW_ORDINALS) return "window";
  return documentFrequency < MIN_WINDOW_POSTINGS * Math.ceil(documents / WINDOW_ORDINALS) ? "run" : "windows";
}

function encodeWindows(
  writer: ByteWriter,
  ordinals: Uint32Array,
  impacts: Uint8Array,
  start: number,
  end: number,
): number[] {
  const listAt = writer.length;
  const cuts: number[] = [];
  let nextWindow = 0;
  for (let from = start; from < end; ) {
    const window = ordinals[from]! >>> WINDOW_SHIFT;
    const windowEnd = (window + 1) * WINDOW_ORDINALS;
    let to = from + 1;
    while (to < end && ordinals[to]! < windowEnd) to++;
    if (from > start) cuts.push(writer.length - listAt);
    writer.varint(window - nextWindow);
    writer.varint(to - from);
    encodeRun(writer, ordinals, impacts, from, to, window * WINDOW_ORDINALS, true);
    nextWindow = window + 1;
    from = to;
  }
  return cuts;
}

/** Reads the headers of all runs; a list of one run is a run of `documentFrequency` postings. */
function openRuns(place: PostingListPlace, inWindows: boolean): Run[] {
  const { parts, documentFrequency, documents } = place;
  const runs: Run[] = [];
  const windows = Math.ceil(documents / WINDOW_ORDINALS);
  let nextWindow = 0;
  let postings = 0;
  for (const { key, payload, offset, length } of inWindows ? parts : [onlyPart(place)]) {
    const end = offset + length;
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const reader = new ByteReader(payload, { key, baseOffset: PAGE_HEADER_BYTES }, offset, end);
    if (!inWindows) {
      runs.push(openRun(reader, key, view, documentFrequency, 0, documents <= WINDOW_ORDINALS));
      reader.end("a posting list");
      return runs;
    }
    while (reader.remaining > 0) {
      const window = nextWindow + reader.varint(windows, "a gap of windows");
      if (window >= windows) throw reader.corrupt("a window", `less than ${windows}`, window);
      const count = reader.varint(WINDOW_ORDINALS, "the postings of a window");
      if (count === 0) throw reader.corrupt("the postings of a window", "at least 1", 0);
      runs.push(openRun(reader, key, view, count, window * WINDOW_ORDINALS, true));
      postings += count;
      nextWindow = window + 1;
    }
    if (postings > documentFrequency) break;
  }
  if (postings !== documentFrequency) {
    const { key, offset } = parts[0]!;
    throw pageCorrupt(key, PAGE_HEADER_BYTES + offset, "the postings of a list", documentFrequency, postings);
  }
  return runs;
}

/** Each part, and behind it the room that runs are read with, must lie in its page. */
function checkExtents({ formatVersion, parts }: PostingListPlace): void {
  const slackBytes = formatVersion === 1 ? 0 : RUN_SLACK_BYTES;
  for (const { key, payload, offset, length } of parts) {
    const end = offset + length + slackBytes;
    if (end <= payload.length) continue;
    throw pageCorrupt(
      key,
      PAGE_HEADER_BYTES + offset,
      "the end of a posting list",
      `at most ${payload.length}`,
      end,
    );
  }
}

function onlyPart(place: PostingListPlace): ListPart {
  const part = place.parts[0]!;
  if (place.parts.length > 1) {
    throw pageCorrupt(
      part.key,
      PAGE_HEADER_BYTES,
      "the pages of a list without windows",
      1,
      place.parts.length,
    );
  }
  return part;
}

function checkMaxImpact(place: PostingListPlace, actual: number): void {
  if (actual === place.maxImpact) return;
  const { key, offset } = place.parts[0]!;
  throw pageCorrupt(key, PAGE_HEADER_BYTES + offset, "the largest impact", place.maxImpact, actual);
}

class RunPostings implements WindowedPostings {
  readonly #runs: (Run | undefined)[];
  readonly #documents: number;

  constructor(runs: readonly Run[], documents: number) {
    this.#runs = new Array(Math.ceil(documents / WINDOW_ORDINALS)).fill(undefined);
    for (const run of runs) this.#runs[run.base >>> WINDOW_SHIFT] = run;
    this.#documents = documents;
  }

  count(window: number): number {
    return this.#runs[window]?.count ?? 0;
  }

  maxImpact(window: number): number {
    return this.#runs[window]?.maxImpact ?? 0;
  }

  accumulate(window: number, weight: number, accumulators: Int32Array): void {
    const run = this.#runs[window];
    if (run === undefined) return;
    accumulateRun(run, weight, accumulators, this.#limitOf(run));
  }

  accumulateTouching(
    window: number,
    weight: number,
    accumulators: Int32Array,
    touched: Uint16Array,
    touchedCount: number,
  ): number {
    const run = this.#runs[window];
    if (run === undefined) return touchedCount;
    return accumulateRunTouching(run, weight, accumulators, this.#limitOf(run), touched, touchedCount);
  }

  #limitOf({ base }: Run): number {
    return Math.min(WINDOW_ORDINALS, this.#documents - base);
  }

  probe(
    window: number,
    weight: number,
    candidates: Uint16Array,
    scores: Int32Array,
    candidateCount: number,
  ): number {
    const run = this.#runs[window];
    return run === undefined ? 0 : probeRun(run, weight, candidates, scores, candidateCount);
  }

  run(window: number): Run | null {
    return this.#runs[window] ?? null;
  }
}

/** A list that is decoded as a whole: a few postings, or one of version 1. */
class DecodedPostings implements WindowedPostings {
  readonly #list: PostingList;
  /** [windows + 1]: where each window's postings begin and, last, where all end. */
  readonly #starts: Uint32Array;

  constructor(list: PostingList, documents: number) {
    this.#list = list;
    this.#starts = new Uint32Array(Math.ceil(documents / WINDOW_ORDINALS) + 1);
    const { ordinals } = list;
    let at = 0;
    for (let window = 0; window < this.#starts.length; window++) {
      while (at < ordinals.length && ordinals[at]! < window * WINDOW_ORDINALS) at++;
      this.#starts[window] = at;
    }
    this.#starts[this.#starts.length - 1] = ordinals.length;
  }

  count(window: number): number {
    return this.#starts[window + 1]! - this.#starts[window]!;
  }

  maxImpact(window: number): number {
    let maximum = 0;
    for (let at = this.#starts[window]!; at < this.#starts[window + 1]!; at++) {
      maximum = Math.max(maximum, this.#list.impacts[at]!);
    }
    return maximum;
  }

  accumulate(window: number, weight: number, accumulators: Int32Array): void {
    const { ordinals, impacts } = this.#list;
    const base = window * WINDOW_ORDINALS;
    const end = this.#starts[window + 1]!;
    for (let at = this.#starts[window]!; at < end; at++) {
      accumulators[ordinals[at]! - base]! += weight * impacts[at]!;
    }
  }

  accumulateTouching(
    window: number,
    weight: number,
    accumulators: Int32Array,
    touched: Uint16Array,
    touchedCount: number,
  ): number {
    const { ordinals, impacts } = this.#list;
    const base = window * WINDOW_ORDINALS;
    const end = this.#starts[window + 1]!;
    let touchedNow = touchedCount;
    for (let at = this.#starts[window]!; at < end; at++) {
      const ordinal = ordinals[at]! - base;
      const before = accumulators[ordinal]!;
      touched[touchedNow] = ordinal;
      touchedNow += (~before & (before - 1)) >>> 31;
      accumulators[ordinal] = before + weight * impacts[at]!;
    }
    return touchedNow;
  }

  probe(
    window: number,
    weight: number,
    candidates: Uint16Array,
    scores: Int32Array,
    candidateCount: number,
  ): number {
    const { ordinals, impacts } = this.#list;
    const base = window * WINDOW_ORDINALS;
    const start = this.#starts[window]!;
    const end = this.#starts[window + 1]!;
    let next = 0;
    let at = start;
    for (; at < end && next < candidateCount; at++) {
      const ordinal = ordinals[at]! - base;
      while (next < candidateCount && candidates[next]! < ordinal) next++;
      if (next < candidateCount && candidates[next] === ordinal) scores[next]! += weight * impacts[at]!;
    }
    return at - start;
  }

  run(): null {
    return null;
  }
}

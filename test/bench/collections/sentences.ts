/**
 * Texts cut into sentences, and sentences joined into windows that do not overlap. In: a text. Out: parts of it, in
 * their order, that together are the text but for white space. Plain rules for English: where one fails, a window is a
 * little longer or shorter, no more.
 */

/** A sentence's end: its mark, what closes after it, white space, and something that begins a sentence. */
const SENTENCE_END = /(?<=[.!?]["')\]]*)\s+(?=["'([]*[\p{Lu}\p{N}])/u;
/** What stands before a full stop that ends no sentence: an initial, or a shortening. */
const SHORTENED =
  /(?:^|[\s(["'])(?:\p{Lu}|e\.g|i\.e|et al|al|cf|vs|viz|etc|fig|figs|eq|eqs|sec|ref|refs|no|nos|vol|pp|dr|mr|mrs|ms|prof|st|inc|jr|sr|approx|ca)\.$/iu;

export function splitSentences(text: string): string[] {
  const sentences: string[] = [];
  let open = "";
  for (const part of text.trim().split(SENTENCE_END)) {
    open = open === "" ? part : `${open} ${part}`;
    if (SHORTENED.test(part)) continue;
    sentences.push(open);
    open = "";
  }
  if (open !== "") sentences.push(open);
  return sentences.filter((sentence) => sentence !== "");
}

export interface WindowShape {
  /** How likely windows of 1, 2, 3 … sentences are; sums to 1. */
  readonly chances: readonly number[];
  /** A window with fewer words takes one more sentence, where there is one. */
  readonly minWords: number;
}

/** Joins sentences into windows of random size; the last takes what is left. */
export function joinWindows(
  sentences: readonly string[],
  { chances, minWords }: WindowShape,
  random: () => number,
): string[] {
  const windows: string[] = [];
  let from = 0;
  while (from < sentences.length) {
    let to = Math.min(sentences.length, from + drawSize(chances, random()));
    while (to < sentences.length && countWords(sentences.slice(from, to)) < minWords) to++;
    windows.push(sentences.slice(from, to).join(" "));
    from = to;
  }
  return windows;
}

function drawSize(chances: readonly number[], drawn: number): number {
  let sum = 0;
  for (const [at, chance] of chances.entries()) {
    sum += chance;
    if (drawn < sum) return at + 1;
  }
  return chances.length;
}

function countWords(sentences: readonly string[]): number {
  return sentences.reduce((sum, sentence) => sum + sentence.split(/\s+/).length, 0);
}

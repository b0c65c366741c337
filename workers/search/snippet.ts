/** Which part of a long text to show. In: a text and its matches. Out: one range that begins and ends between words. */

/** Characters shown of a text; about four lines on a desktop. */
export const SNIPPET_CHARACTERS = 320;
/** Characters kept before the first match, so that it has its context. */
const LEAD_CHARACTERS = 80;

/**
 * Chooses the window with the most matches; the earliest of equal ones.
 * @param matches UTF-16 ranges, ascending
 */
export function chooseSnippet(
  text: string,
  matches: readonly (readonly [number, number])[],
): readonly [number, number] {
  if (text.length <= SNIPPET_CHARACTERS) return [0, text.length];
  let bestStart = 0;
  let bestCount = 0;
  for (const [place, [start]] of matches.entries()) {
    const windowStart = Math.max(0, start - LEAD_CHARACTERS);
    let count = 0;
    for (let i = place; i < matches.length && matches[i]![1] <= windowStart + SNIPPET_CHARACTERS; i++)
      count++;
    if (count > bestCount) {
      bestCount = count;
      bestStart = windowStart;
    }
  }
  const start = Math.min(bestStart, text.length - SNIPPET_CHARACTERS);
  return [wordStart(text, start), wordEnd(text, start + SNIPPET_CHARACTERS)];
}

/** The next place after a blank, if one is near; never inside a surrogate pair. */
function wordStart(text: string, at: number): number {
  if (at === 0) return 0;
  const blank = text.slice(at, at + 24).search(/\s/);
  return blank >= 0 ? at + blank + 1 : skipLowSurrogate(text, at);
}

function wordEnd(text: string, at: number): number {
  if (at >= text.length) return text.length;
  for (let i = at; i > at - 24; i--) if (/\s/.test(text[i]!)) return i;
  return skipLowSurrogate(text, at);
}

function skipLowSurrogate(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit < 0xe000 ? at + 1 : at;
}

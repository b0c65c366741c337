/** A text as the graph takes it. In: a text. Out: input ids and what is known of a document before the model ran. */
import { planWindows, type WindowParameters } from "../../../shared/model/windows.ts";
import type { Tokenizer } from "../../../shared/text/types.ts";

export interface TokenizedDocument {
  /**
   * The windows, each [CLS] … [SEP] and at most maxLength; none for a text that has no token but special ones: what a
   * model says of such a text is noise, and its vector is empty.
   */
  readonly windows: readonly Int32Array[];
  /** Of the whole text in its order, special tokens out. */
  readonly ownTokens: Uint32Array;
  /** Distinct, ascending, no special tokens; of the whole text. */
  readonly ownTermIds: Uint32Array;
  /** Tokens of the whole text, special ones not counted. */
  readonly tokenCount: number;
  /** Tokens behind the last window; unknown words count. */
  readonly unseenTokens: number;
}

export interface WindowedLength extends WindowParameters {
  /** Tokens of a window, [CLS] and [SEP] included. */
  readonly maxLength: number;
}

export function tokenizeDocument(
  tokenizer: Tokenizer,
  text: string,
  length: WindowedLength,
): TokenizedDocument {
  const { pad, unk, cls, sep, mask } = tokenizer.special;
  const ids = tokenizer.tokenize(text);
  const own = ids.filter((id) => id !== unk && id !== pad && id !== cls && id !== sep && id !== mask);
  const ranges = planWindows(
    ids.length,
    length.maxLength - 2,
    length,
    (position) => !tokenizer.piece(ids[position]!).startsWith("##"),
  );
  const windows = ranges.map(({ start, end }) => Int32Array.of(cls, ...ids.slice(start, end), sep));
  return {
    windows: own.length === 0 ? [] : windows,
    ownTokens: Uint32Array.from(own),
    ownTermIds: Uint32Array.from(new Set(own)).sort(),
    tokenCount: own.length,
    unseenTokens: own.length === 0 ? 0 : ids.length - ranges.at(-1)!.end,
  };
}

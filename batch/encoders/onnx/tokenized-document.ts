/** A text as the graph takes it. In: a text. Out: input ids and what is known of a document before the model ran. */
import type { Tokenizer } from "../../../shared/text/types.ts";

export interface TokenizedDocument {
  /**
   * [CLS] … [SEP], at most maxLength; empty for a text that has no token but special ones: what a model says of such a
   * text is noise, and its vector is empty.
   */
  readonly inputIds: Int32Array;
  /** Of the whole text in its order, special tokens out. */
  readonly ownTokens: Uint32Array;
  /** Distinct, ascending, no special tokens; of the whole text. */
  readonly ownTermIds: Uint32Array;
  /** Tokens of the whole text, special ones not counted. */
  readonly tokenCount: number;
  readonly truncated: boolean;
}

export function tokenizeDocument(tokenizer: Tokenizer, text: string, maxLength: number): TokenizedDocument {
  const { pad, unk, cls, sep, mask } = tokenizer.special;
  const ids = tokenizer.tokenize(text);
  const own = ids.filter((id) => id !== unk && id !== pad && id !== cls && id !== sep && id !== mask);
  const seen = Math.min(ids.length, maxLength - 2);
  const inputIds = new Int32Array(own.length === 0 ? 0 : seen + 2);
  if (own.length > 0) {
    inputIds[0] = cls;
    for (let i = 0; i < seen; i++) inputIds[i + 1] = ids[i]!;
    inputIds[seen + 1] = sep;
  }
  return {
    inputIds,
    ownTokens: Uint32Array.from(own),
    ownTermIds: Uint32Array.from(new Set(own)).sort(),
    tokenCount: own.length,
    truncated: ids.length > seen,
  };
}

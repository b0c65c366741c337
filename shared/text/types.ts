/** The seam between text and everything that consumes token ids. */

/** Ids of the special tokens of a BERT vocabulary; none of them ever enters a query or a document vector. */
export interface SpecialTokenIds {
  readonly pad: number;
  readonly unk: number;
  readonly cls: number;
  readonly sep: number;
  readonly mask: number;
}

/** Text → WordPiece ids, equal to Hugging Face `tokenizers` with `bert-base-uncased` on every input. */
export interface Tokenizer {
  readonly vocabularySize: number;
  readonly special: SpecialTokenIds;
  /**
   * @param text any string; lone surrogates count as U+FFFD
   * @returns ids in text order, without [CLS] and [SEP]; [UNK] and literal special tokens included
   */
  tokenize(text: string): number[];
  /** The wordpiece of an id, e.g. "##ing"; throws LzeroError `token_id_out_of_range`. */
  piece(tokenId: number): string;
}

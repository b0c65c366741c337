/**
 * Text → WordPiece ids, equal to Hugging Face `tokenizers` with bert-base-uncased. In: any string and a vocabulary.
 * Out: token ids, alone or with the place of each word. Adds no [CLS] or [SEP] and truncates nothing.
 */
import { WordScanner } from "./pre-tokenize.ts";
import type { SpecialTokenIds, Tokenizer } from "./types.ts";
import { UnicodeTables } from "./unicode-tables.ts";
import {
  CONTINUATION_HASH,
  hashByte,
  SPECIAL_TOKENS,
  type Vocabulary,
  WORD_START_HASH,
} from "./vocabulary.ts";

/** A word of a text: its UTF-16 offsets [start, end) and its ids, at least one. */
export interface WordTokens {
  readonly start: number;
  readonly end: number;
  readonly tokenIds: readonly number[];
}

/** Greedy longest-match-first WordPiece. An instance reuses its buffers between calls; calls are synchronous. */
export class WordPieceTokenizer implements Tokenizer {
  readonly vocabularySize: number;
  readonly special: SpecialTokenIds;

  private readonly vocabulary: Vocabulary;
  private readonly scanner: WordScanner;
  private readonly specialIds: readonly number[];
  /** Hashes of the prefixes of what is left of a word, by their end. */
  private readonly prefixHashes: Int32Array;

  /** @param tables the decoded Unicode tables, to share them among tokenizers */
  constructor(vocabulary: Vocabulary, tables: UnicodeTables = UnicodeTables.decode()) {
    const { pad, unk, cls, sep, mask } = vocabulary.special;
    this.vocabulary = vocabulary;
    this.vocabularySize = vocabulary.size;
    this.special = vocabulary.special;
    this.specialIds = [pad, unk, cls, sep, mask];
    this.scanner = new WordScanner(tables, SPECIAL_TOKENS);
    this.prefixHashes = new Int32Array(this.scanner.word.bytes.length + 1);
  }

  tokenize(text: string): number[] {
    const ids: number[] = [];
    this.scanner.reset(text);
    while (this.scanner.next()) this.appendWord(ids);
    return ids;
  }

  /**
   * The words of a text in order, with their places; the ids of all are those of `tokenize`. The slice of a word gives
   * the same ids again.
   */
  tokenizeWithOffsets(text: string): WordTokens[] {
    const words: WordTokens[] = [];
    this.scanner.reset(text);
    while (this.scanner.next()) {
      const tokenIds: number[] = [];
      this.appendWord(tokenIds);
      words.push({ start: this.scanner.start, end: this.scanner.end, tokenIds });
    }
    return words;
  }

  piece(tokenId: number): string {
    return this.vocabulary.pieceOf(tokenId);
  }

  private appendWord(ids: number[]): void {
    const { special, word } = this.scanner;
    if (special >= 0) ids.push(this.specialIds[special]!);
    else if (word.isTooLong) ids.push(this.special.unk);
    else this.appendPieces(word.bytes, word.sizeBytes, ids);
  }

  /** A word of which some part matches no piece is one [UNK] as a whole. */
  private appendPieces(bytes: Uint8Array, sizeBytes: number, ids: number[]): void {
    const { vocabulary, prefixHashes } = this;
    const longest = vocabulary.longestPieceBytes;
    const firstId = ids.length;
    let from = 0;
    while (from < sizeBytes) {
      const continuing = from > 0;
      const limit = Math.min(sizeBytes, from + longest);
      let state = continuing ? CONTINUATION_HASH : WORD_START_HASH;
      for (let i = from; i < limit; i++) {
        state = hashByte(state, bytes[i]!);
        prefixHashes[i + 1] = state;
      }
      let to = limit;
      let id = -1;
      for (; to > from; to--) {
        // A piece is whole characters, so that it never ends before a UTF-8 continuation byte.
        if (to < sizeBytes && (bytes[to]! & 0xc0) === 0x80) continue;
        id = vocabulary.find(bytes, from, to, continuing, prefixHashes[to]!);
        if (id >= 0) break;
      }
      if (id < 0) {
        ids.length = firstId;
        ids.push(this.special.unk);
        return;
      }
      ids.push(id);
      from = to;
    }
  }
}

/**
 * Text → words, one at a time, as the reference cuts them: literal special tokens, runs between spaces, punctuation
 * and CJK ideographs alone. In: any string. Out: each word's normalized bytes and its place. Knows no vocabulary.
 */
import { NormalizedWord } from "./normalize.ts";
import { CodePointKind, KIND_BITS, KIND_MASK, type UnicodeTables } from "./unicode-tables.ts";

const REPLACEMENT = 0xfffd;
const OPENING_BRACKET = 0x5b;
const ASCII_COUNT = 0x80;

/** Walks over a text; after `next()` has returned true, the fields describe one word. */
export class WordScanner {
  readonly word: NormalizedWord;
  /** UTF-16 offsets of the word in the text, [start, end); accents that belong to the word are inside. */
  start = 0;
  end = 0;
  /** Index into the special tokens when the word is a literal special token, else -1. */
  special = -1;

  private readonly tables: UnicodeTables;
  private readonly specialTokens: readonly string[];
  /** ASCII characters of words, lower-cased; 0 for all others. */
  private readonly asciiWord: Uint8Array;
  private text = "";
  private position = 0;

  /** @param specialTokens matched literally in the raw text, before anything else; each begins with "[" */
  constructor(tables: UnicodeTables, specialTokens: readonly string[]) {
    this.tables = tables;
    this.specialTokens = specialTokens;
    this.word = new NormalizedWord(tables);
    this.asciiWord = new Uint8Array(ASCII_COUNT);
    for (let code = 0; code < ASCII_COUNT; code++) {
      const entry = tables.entryOf(code);
      if ((entry & KIND_MASK) === CodePointKind.keep) this.asciiWord[code] = code;
      if ((entry & KIND_MASK) === CodePointKind.fold) this.asciiWord[code] = entry >>> KIND_BITS;
    }
  }

  /** Starts over with a text; lone surrogates count as U+FFFD. */
  reset(text: string): void {
    this.text = text;
    this.position = 0;
  }

  /** Moves to the next word; false at the end of the text. */
  next(): boolean {
    const { text, word, asciiWord, tables } = this;
    const length = text.length;
    word.clear();
    this.special = -1;
    let at = this.position;
    while (at < length) {
      let codePoint = text.charCodeAt(at);
      let after = at + 1;
      if (codePoint < ASCII_COUNT) {
        const lower = asciiWord[codePoint]!;
        if (lower !== 0) {
          if (word.isEmpty) this.start = at;
          word.appendAscii(lower);
          this.end = after;
          at = after;
          continue;
        }
      } else if (codePoint >= 0xd800 && codePoint < 0xe000) {
        codePoint = text.codePointAt(at)!;
        if (codePoint >= 0x10000) after++;
        else codePoint = REPLACEMENT;
      }

      const entry = tables.entryOf(codePoint);
      switch (entry & KIND_MASK) {
        case CodePointKind.removed:
          break;
        case CodePointKind.space:
          if (!word.isEmpty) return this.stop(after);
          break;
        case CodePointKind.accent:
          if (!word.isEmpty) this.end = after;
          break;
        case CodePointKind.barrier:
          word.endMarks();
          if (!word.isEmpty) this.end = after;
          break;
        case CodePointKind.split:
        case CodePointKind.cjk:
          if (!word.isEmpty) return this.stop(at);
          this.start = at;
          if (codePoint === OPENING_BRACKET) {
            this.special = this.matchSpecial(at);
            if (this.special >= 0) after = at + this.specialTokens[this.special]!.length;
          }
          word.append(codePoint, entry);
          this.end = after;
          return this.stop(after);
        default:
          if (word.isEmpty) this.start = at;
          word.append(codePoint, entry);
          this.end = after;
      }
      at = after;
    }
    this.stop(at);
    return !word.isEmpty;
  }

  private stop(position: number): true {
    this.position = position;
    this.word.endMarks();
    return true;
  }

  private matchSpecial(at: number): number {
    for (let i = 0; i < this.specialTokens.length; i++) {
      if (this.text.startsWith(this.specialTokens[i]!, at)) return i;
    }
    return -1;
  }
}

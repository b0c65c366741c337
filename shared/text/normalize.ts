/**
 * Code points of one word → its normalized form in UTF-8: lower-cased, decomposed, without accents, marks in canonical
 * order. In: code points with their table entries. Out: bytes. Does not decide where words begin (pre-tokenize.ts).
 */
import { CodePointKind, KIND_BITS, KIND_MASK, type UnicodeTables } from "./unicode-tables.ts";

/** A longer word, in code points, is [UNK] (`max_input_chars_per_word` of bert-base-uncased). */
export const MAX_WORD_CODE_POINTS = 100;

const MAX_UTF8_BYTES = 4;
/** Unicode Standard, section 3.12: conjoining jamo. */
const JAMO = {
  leading: 0x1100,
  vowel: 0x1161,
  trailing: 0x11a7,
  syllable: 0xac00,
  vowels: 21,
  trailings: 28,
};

/** The normalized word being collected. Past 100 code points only the count grows. */
export class NormalizedWord {
  /** UTF-8; the first `sizeBytes` are valid after `endMarks`. */
  readonly bytes = new Uint8Array(MAX_WORD_CODE_POINTS * MAX_UTF8_BYTES);
  sizeBytes = 0;
  codePoints = 0;
  /** Marks not yet written, since a later one may have to stand before them: code point, rank, … */
  private readonly pending: number[] = [];
  private readonly tables: UnicodeTables;

  constructor(tables: UnicodeTables) {
    this.tables = tables;
  }

  clear(): void {
    this.sizeBytes = 0;
    this.codePoints = 0;
    if (this.pending.length > 0) this.pending.length = 0;
  }

  get isEmpty(): boolean {
    return this.codePoints === 0;
  }

  get isTooLong(): boolean {
    return this.codePoints > MAX_WORD_CODE_POINTS;
  }

  /** Adds an ASCII character as it is; at most 100 are kept. */
  appendAscii(byte: number): void {
    if (this.pending.length > 0) this.writeMarks();
    if (this.codePoints++ < MAX_WORD_CODE_POINTS) this.bytes[this.sizeBytes++] = byte;
  }

  /** Adds a code point of a kind that belongs to words: keep, mark, fold, expansion, hangul; or one standing alone. */
  append(codePoint: number, entry: number): void {
    const payload = entry >>> KIND_BITS;
    switch (entry & KIND_MASK) {
      case CodePointKind.mark:
        this.appendMark(codePoint, payload);
        break;
      case CodePointKind.expansion:
        for (const target of this.tables.expansions[payload]!)
          this.append(target, this.tables.entryOf(target));
        break;
      case CodePointKind.hangul:
        this.appendHangul(codePoint - JAMO.syllable);
        break;
      default:
        this.appendStarter(payload === 0 ? codePoint : payload);
    }
  }

  /** Ends the run of marks that may change places, and writes them. */
  endMarks(): void {
    if (this.pending.length > 0) this.writeMarks();
  }

  private appendStarter(codePoint: number): void {
    if (this.pending.length > 0) this.writeMarks();
    if (this.codePoints++ < MAX_WORD_CODE_POINTS) this.write(codePoint);
  }

  private appendMark(codePoint: number, rank: number): void {
    if (this.codePoints++ >= MAX_WORD_CODE_POINTS) return;
    const pending = this.pending;
    let at = pending.length;
    while (at > 0 && pending[at - 1]! > rank) at -= 2;
    pending.splice(at, 0, codePoint, rank);
  }

  private appendHangul(index: number): void {
    const { vowels, trailings } = JAMO;
    this.appendStarter(JAMO.leading + Math.floor(index / (vowels * trailings)));
    this.appendStarter(JAMO.vowel + (Math.floor(index / trailings) % vowels));
    const trailing = index % trailings;
    if (trailing > 0) this.appendStarter(JAMO.trailing + trailing);
  }

  private writeMarks(): void {
    for (let i = 0; i < this.pending.length; i += 2) this.write(this.pending[i]!);
    this.pending.length = 0;
  }

  private write(codePoint: number): void {
    const bytes = this.bytes;
    let size = this.sizeBytes;
    if (codePoint < 0x80) {
      bytes[size++] = codePoint;
    } else if (codePoint < 0x800) {
      bytes[size++] = 0xc0 | (codePoint >> 6);
      bytes[size++] = 0x80 | (codePoint & 0x3f);
    } else if (codePoint < 0x10000) {
      bytes[size++] = 0xe0 | (codePoint >> 12);
      bytes[size++] = 0x80 | ((codePoint >> 6) & 0x3f);
      bytes[size++] = 0x80 | (codePoint & 0x3f);
    } else {
      bytes[size++] = 0xf0 | (codePoint >> 18);
      bytes[size++] = 0x80 | ((codePoint >> 12) & 0x3f);
      bytes[size++] = 0x80 | ((codePoint >> 6) & 0x3f);
      bytes[size++] = 0x80 | (codePoint & 0x3f);
    }
    this.sizeBytes = size;
  }
}

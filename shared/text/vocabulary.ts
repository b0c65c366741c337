/**
 * The wordpieces of a model. In: the bytes of a BERT `vocab.txt`, one piece a line, whose number is the id. Out: id →
 * piece and bytes → id, by a hash table over the bytes as they came. Makes no string per piece.
 */
import { LzeroError } from "../errors.ts";
import type { SpecialTokenIds } from "./types.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const HASH = 0x23;
/** 32-bit FNV-1a (RFC 9923). */
const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/** State of the hash after no bytes. */
export const WORD_START_HASH = FNV_OFFSET;
/** State of the hash after "##", which begins every piece that continues a word. */
export const CONTINUATION_HASH = hashByte(hashByte(FNV_OFFSET, HASH), HASH);

/** The literal special tokens, in the order of `SpecialTokenIds`. */
export const SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] as const;

/** Next state of the hash of a piece. */
export function hashByte(state: number, byte: number): number {
  return Math.imul(state ^ byte, FNV_PRIME);
}

/** A parsed vocabulary; immutable. Ids are 0..size-1. */
export class Vocabulary {
  readonly size: number;
  readonly special: SpecialTokenIds;
  /** Length of the longest piece in bytes, with its "##". */
  readonly longestPieceBytes: number;

  private readonly bytes: Uint8Array;
  /** Byte range of piece i: bounds[2i]..bounds[2i+1]. */
  private readonly bounds: Uint32Array;
  /** Open addressing with linear probing; id + 1, 0 is free. */
  private readonly slots: Uint32Array;

  private constructor(bytes: Uint8Array, bounds: Uint32Array, slots: Uint32Array, longestPieceBytes: number) {
    this.bytes = bytes;
    this.bounds = bounds;
    this.slots = slots;
    this.size = bounds.length / 2;
    this.longestPieceBytes = longestPieceBytes;
    const [pad, unk, cls, sep, mask] = SPECIAL_TOKENS.map((piece) => this.requireSpecial(piece));
    this.special = { pad: pad!, unk: unk!, cls: cls!, sep: sep!, mask: mask! };
  }

  /**
   * Reads a vocab.txt. A line ends in LF or CR LF; the last may lack it. The bytes are kept, not copied.
   * @throws LzeroError `vocabulary_invalid` naming the line (from 1): no pieces, an empty or repeated piece, bytes that
   * are not UTF-8, or a special token missing
   */
  static parse(bytes: Uint8Array): Vocabulary {
    checkUtf8(bytes);
    const bounds = findLines(bytes);
    const count = bounds.length / 2;
    if (count === 0) throw new LzeroError("vocabulary_invalid", "the vocabulary has no pieces", { line: 1 });
    const slots = new Uint32Array(slotCountFor(count));
    const mask = slots.length - 1;
    let longest = 0;
    for (let id = 0; id < count; id++) {
      const from = bounds[2 * id]!;
      const to = bounds[2 * id + 1]!;
      if (from === to) {
        throw new LzeroError("vocabulary_invalid", `line ${id + 1} of the vocabulary is empty`, {
          line: id + 1,
        });
      }
      if (to - from > longest) longest = to - from;
      let state = FNV_OFFSET;
      for (let i = from; i < to; i++) state = Math.imul(state ^ bytes[i]!, FNV_PRIME);
      let slot = slotOf(state, mask);
      for (let held = slots[slot]!; held !== 0; held = slots[slot]!) {
        if (isSamePiece(bytes, bounds[2 * held - 2]!, bounds[2 * held - 1]!, from, to)) {
          throw new LzeroError(
            "vocabulary_invalid",
            `line ${id + 1} of the vocabulary repeats line ${held}`,
            {
              line: id + 1,
              firstLine: held,
            },
          );
        }
        slot = (slot + 1) & mask;
      }
      slots[slot] = id + 1;
    }
    return new Vocabulary(bytes, bounds, slots, longest);
  }

  /** @throws LzeroError `token_id_out_of_range` */
  pieceOf(id: number): string {
    if (!Number.isInteger(id) || id < 0 || id >= this.size) {
      throw new LzeroError("token_id_out_of_range", `token id ${id} is not in the vocabulary`, {
        tokenId: id,
        vocabularySize: this.size,
      });
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      this.bytes.subarray(this.bounds[2 * id]!, this.bounds[2 * id + 1]!),
    );
  }

  /** The id of a piece, e.g. "##ing", or -1. */
  idOf(piece: string): number {
    const bytes = new TextEncoder().encode(piece);
    let state = FNV_OFFSET;
    for (const byte of bytes) state = hashByte(state, byte);
    return this.find(bytes, 0, bytes.length, false, state);
  }

  /**
   * Looks up a part of a normalized word.
   * @param word UTF-8
   * @param continuing whether "##" stands before the bytes
   * @param state hash of the whole piece: WORD_START_HASH or CONTINUATION_HASH, then each byte
   * @returns the id, or -1
   */
  find(word: Uint8Array, from: number, to: number, continuing: boolean, state: number): number {
    const { bytes, bounds, slots } = this;
    const mask = slots.length - 1;
    const prefix = continuing ? 2 : 0;
    const size = to - from + prefix;
    let slot = slotOf(state, mask);
    for (let held = slots[slot]!; held !== 0; held = slots[slot]!) {
      const first = bounds[2 * held - 2]!;
      if (bounds[2 * held - 1]! - first === size) {
        let at = first + prefix;
        let i = from;
        while (i < to && bytes[at] === word[i]) {
          at++;
          i++;
        }
        if (i === to && (!continuing || (bytes[first] === HASH && bytes[first + 1] === HASH)))
          return held - 1;
      }
      slot = (slot + 1) & mask;
    }
    return -1;
  }

  private requireSpecial(piece: string): number {
    const id = this.idOf(piece);
    if (id < 0) {
      throw new LzeroError("vocabulary_invalid", `the vocabulary lacks ${piece}`, {
        missing: piece,
        line: null,
      });
    }
    return id;
  }
}

/** FNV's low bits alone mix too little for linear probing. */
function slotOf(state: number, mask: number): number {
  return (state ^ (state >>> 15)) & mask;
}

/** The power of two that keeps the table at most half full. */
function slotCountFor(count: number): number {
  let slots = 16;
  while (slots < 2 * count) slots *= 2;
  return slots;
}

function isSamePiece(bytes: Uint8Array, leftFrom: number, leftTo: number, from: number, to: number): boolean {
  if (leftTo - leftFrom !== to - from) return false;
  for (let i = 0; i < to - from; i++) if (bytes[leftFrom + i] !== bytes[from + i]) return false;
  return true;
}

/** Byte ranges of the lines, without their ends. */
function findLines(bytes: Uint8Array): Uint32Array {
  let count = bytes.length > 0 && bytes[bytes.length - 1] !== LINE_FEED ? 1 : 0;
  for (let i = bytes.indexOf(LINE_FEED); i >= 0; i = bytes.indexOf(LINE_FEED, i + 1)) count++;
  const bounds = new Uint32Array(2 * count);
  let from = 0;
  for (let line = 0; line < count; line++) {
    const feed = bytes.indexOf(LINE_FEED, from);
    const end = feed < 0 ? bytes.length : feed;
    bounds[2 * line] = from;
    bounds[2 * line + 1] = end > from && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
    from = end + 1;
  }
  return bounds;
}

function checkUtf8(bytes: Uint8Array): void {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    decoder.decode(bytes);
  } catch (cause) {
    const bounds = findLines(bytes);
    for (let line = 1; 2 * line <= bounds.length; line++) {
      try {
        decoder.decode(bytes.subarray(bounds[2 * line - 2]!, bounds[2 * line - 1]!));
      } catch {
        throw new LzeroError(
          "vocabulary_invalid",
          `line ${line} of the vocabulary is not UTF-8`,
          { line },
          cause,
        );
      }
    }
    throw new LzeroError("vocabulary_invalid", "the vocabulary is not UTF-8", { line: null }, cause);
  }
}

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
  /** Piece i is the bytes starts[i]..starts[i+1]-2; a line feed follows it. */
  private readonly starts: Uint32Array;
  /** Open addressing with linear probing; id + 1, 0 is free. */
  private readonly slots: Uint32Array;

  private constructor(bytes: Uint8Array, starts: Uint32Array, slots: Uint32Array, longestPieceBytes: number) {
    this.bytes = bytes;
    this.starts = starts;
    this.slots = slots;
    this.size = starts.length - 1;
    this.longestPieceBytes = longestPieceBytes;
    const [pad, unk, cls, sep, mask] = SPECIAL_TOKENS.map((piece) => this.requireSpecial(piece));
    this.special = { pad: pad!, unk: unk!, cls: cls!, sep: sep!, mask: mask! };
  }

  /**
   * Reads a vocab.txt. A line ends in LF or CR LF; the last may lack it. The bytes are kept, not copied; they must not change.
   * @throws LzeroError `vocabulary_invalid` naming the line (from 1): no pieces, an empty or repeated piece, bytes that
   * are not UTF-8, or a special token missing
   */
  static parse(bytes: Uint8Array): Vocabulary {
    checkUtf8(bytes);
    const lines = bytes.includes(CARRIAGE_RETURN) ? withoutCarriageReturns(bytes) : bytes;
    const starts = new Uint32Array((lines.length >> 1) + 2);
    const slots = new Uint32Array(slotCountFor(lines.length));
    let id = 0;
    let at = 0;
    let longest = 0;
    // One pass over the bytes: a Worker reads its vocabulary while a query waits.
    const end = lines.length;
    while (at < end) {
      const from = at;
      let state = FNV_OFFSET;
      for (; at < end; at++) {
        const byte = lines[at]!;
        if (byte === LINE_FEED) break;
        state = Math.imul(state ^ byte, FNV_PRIME);
      }
      if (at - from > longest) longest = at - from;
      at++;
      starts[id + 1] = at;
      insertPiece(lines, starts, slots, id, state);
      id++;
    }
    if (id === 0) throw new LzeroError("vocabulary_invalid", "the vocabulary has no pieces", { line: 1 });
    return new Vocabulary(lines, starts.slice(0, id + 1), slots, longest);
  }

  /** @throws LzeroError `token_id_out_of_range` */
  pieceOf(id: number): string {
    if (!Number.isInteger(id) || id < 0 || id >= this.size) {
      throw new LzeroError("token_id_out_of_range", `token id ${id} is not in the vocabulary`, {
        tokenId: id,
        vocabularySize: this.size,
      });
    }
    return new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(
      this.bytes.subarray(this.starts[id]!, this.starts[id + 1]! - 1),
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
    const { bytes, starts, slots } = this;
    const mask = slots.length - 1;
    const prefix = continuing ? 2 : 0;
    const size = to - from + prefix;
    let slot = slotOf(state, mask);
    for (let held = slots[slot]!; held !== 0; held = slots[slot]!) {
      const first = starts[held - 1]!;
      if (starts[held]! - 1 - first === size) {
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

/**
 * A power of two, at least half the bytes: pieces are distinct and each ends in a line feed, so that fewer than
 * bytes / 3 + 128 of them exist, and some slots stay free.
 */
function slotCountFor(sizeBytes: number): number {
  let slots = 1024;
  while (slots < sizeBytes / 2) slots *= 2;
  return slots;
}

function isSamePiece(bytes: Uint8Array, leftFrom: number, leftTo: number, from: number, to: number): boolean {
  if (leftTo - leftFrom !== to - from) return false;
  for (let i = 0; i < to - from; i++) if (bytes[leftFrom + i] !== bytes[from + i]) return false;
  return true;
}

/** Puts piece `id`, whose bounds are known, into the table. */
function insertPiece(
  bytes: Uint8Array,
  starts: Uint32Array,
  slots: Uint32Array,
  id: number,
  state: number,
): void {
  const from = starts[id]!;
  const to = starts[id + 1]! - 1;
  const line = id + 1;
  if (from === to) {
    throw new LzeroError("vocabulary_invalid", `line ${line} of the vocabulary is empty`, { line });
  }
  const mask = slots.length - 1;
  let slot = slotOf(state, mask);
  for (let held = slots[slot]!; held !== 0; held = slots[slot]!) {
    if (isSamePiece(bytes, starts[held - 1]!, starts[held]! - 1, from, to)) {
      throw new LzeroError("vocabulary_invalid", `line ${line} of the vocabulary repeats line ${held}`, {
        line,
        firstLine: held,
      });
    }
    slot = (slot + 1) & mask;
  }
  slots[slot] = id + 1;
}

/** The bytes with LF for CR LF. */
function withoutCarriageReturns(bytes: Uint8Array): Uint8Array {
  return bytes.filter(
    (byte, i) => byte !== CARRIAGE_RETURN || (i + 1 < bytes.length && bytes[i + 1] !== LINE_FEED),
  );
}

function checkUtf8(bytes: Uint8Array): void {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    decoder.decode(bytes);
  } catch (cause) {
    let from = 0;
    for (let line = 1; from < bytes.length; line++) {
      const feed = bytes.indexOf(LINE_FEED, from);
      const to = feed < 0 ? bytes.length : feed;
      try {
        decoder.decode(bytes.subarray(from, to));
      } catch {
        throw new LzeroError(
          "vocabulary_invalid",
          `line ${line} of the vocabulary is not UTF-8`,
          { line },
          cause,
        );
      }
      from = to + 1;
    }
    throw new LzeroError("vocabulary_invalid", "the vocabulary is not UTF-8", { line: null }, cause);
  }
}

/**
 * Code point → what the reference tokenizer does with it. In: the generated strings, in which unsigned numbers are
 * base-64 digits of five bits, lowest first, with bit 5 for "another follows". Out: a two-stage look-up table. Knows
 * nothing of texts; no property of the runtime's own Unicode version is consulted.
 */
import { UNICODE_TABLES } from "./unicode-tables.generated.ts";

/** What becomes of a code point; the low four bits of an entry. */
export const CodePointKind = {
  /** Part of a word, as it is. */
  keep: 0,
  /** Dropped by cleaning: control, format, private use, U+FFFD. */
  removed: 1,
  /** Separates words. */
  space: 2,
  /** Dropped as an accent. */
  accent: 3,
  /** Dropped as an accent, but marks on its two sides are not reordered. */
  barrier: 4,
  /** A word of its own (punctuation). */
  split: 5,
  /** A word of its own (CJK ideograph). */
  cjk: 6,
  /** Part of a word, put into canonical order among its neighbours; the payload is its rank. */
  mark: 7,
  /** Replaced by one code point, the payload. */
  fold: 8,
  /** Replaced by several; the payload is the index of the expansion. */
  expansion: 9,
  /** A Hangul syllable, decomposed arithmetically. */
  hangul: 10,
} as const;

/** Low bits of an entry that hold the kind; the payload lies above them. */
export const KIND_BITS = 4;
export const KIND_MASK = (1 << KIND_BITS) - 1;

const BLOCK_BITS = 8;
const BLOCK_SIZE = 1 << BLOCK_BITS;
const CODE_POINT_COUNT = 0x110000;
const HANGUL_FIRST = 0xac00;
const HANGUL_COUNT = 11_172;

/** The two-stage table: entry of c = entries[(blocks[c >> 8] << 8) | (c & 255)] = kind | payload << 4. */
export class UnicodeTables {
  /** Index of the block of entries of each 256 code points. */
  readonly blocks: Uint16Array;
  /** Blocks of 256 entries; a `split` or `cjk` entry has the payload 0 when it stays as it is. */
  readonly entries: Uint32Array;
  /** Replacements of more than one code point. */
  readonly expansions: readonly Uint32Array[];

  constructor(blocks: Uint16Array, entries: Uint32Array, expansions: readonly Uint32Array[]) {
    this.blocks = blocks;
    this.entries = entries;
    this.expansions = expansions;
  }

  /** @param codePoint 0..0x10FFFF, no surrogate */
  entryOf(codePoint: number): number {
    return this.entries[
      (this.blocks[codePoint >> BLOCK_BITS]! << BLOCK_BITS) | (codePoint & (BLOCK_SIZE - 1))
    ]!;
  }

  /** Expands the generated tables: some thousands of entries in about a hundred blocks, 0.1 MB. */
  static decode(): UnicodeTables {
    const builder = new TableBuilder();
    builder.setRanges(UNICODE_TABLES.removed, CodePointKind.removed);
    builder.setRanges(UNICODE_TABLES.space, CodePointKind.space);
    builder.setRanges(UNICODE_TABLES.accents, CodePointKind.accent);
    builder.setRanges(UNICODE_TABLES.barriers, CodePointKind.barrier);
    builder.setRanges(UNICODE_TABLES.split, CodePointKind.split);
    builder.setRanges(UNICODE_TABLES.cjk, CodePointKind.cjk);
    builder.setRange(HANGUL_FIRST, HANGUL_FIRST + HANGUL_COUNT, CodePointKind.hangul);
    builder.setMarks(UNICODE_TABLES.marks);
    builder.setFolds(UNICODE_TABLES.folds);
    builder.setExpansions(UNICODE_TABLES.expansions);
    return builder.build();
  }
}

class TableBuilder {
  private readonly blocks = new Uint16Array(CODE_POINT_COUNT >> BLOCK_BITS);
  private entries = new Uint32Array(128 << BLOCK_BITS);
  private blockCount = 1;
  /** Blocks that are one kind throughout, shared by all that look the same. Block 0 of this map is "keep". */
  private readonly uniform = new Map<number, number>([[CodePointKind.keep, 0]]);
  private readonly expansions: Uint32Array[] = [];

  setRanges(encoded: string, kind: number): void {
    const reader = new NumberReader(encoded);
    let end = 0;
    while (!reader.done) {
      const first = end + reader.unsigned();
      end = first + reader.unsigned() + 1;
      this.setRange(first, end, kind);
    }
  }

  setMarks(encoded: string): void {
    const reader = new NumberReader(encoded);
    let codePoint = 0;
    while (!reader.done) {
      codePoint += reader.unsigned();
      this.set(codePoint, CodePointKind.mark | (reader.unsigned() << KIND_BITS));
    }
  }

  setFolds(encoded: string): void {
    const reader = new NumberReader(encoded);
    let source = 0;
    let target = 0;
    while (!reader.done) {
      source += reader.unsigned();
      const steps = reader.unsigned();
      const sourceStride = steps > 0 ? reader.unsigned() : 0;
      target += reader.signed();
      const targetStride = steps > 0 ? reader.signed() : 0;
      this.setFold(source, target);
      for (let step = 0; step < steps; step++) {
        source += sourceStride;
        target += targetStride;
        this.setFold(source, target);
      }
    }
  }

  setExpansions(encoded: string): void {
    const reader = new NumberReader(encoded);
    let source = 0;
    while (!reader.done) {
      source += reader.unsigned();
      const targets = new Uint32Array(reader.unsigned());
      for (let i = 0; i < targets.length; i++) targets[i] = source + reader.signed();
      this.set(source, CodePointKind.expansion | (this.expansions.length << KIND_BITS));
      this.expansions.push(targets);
    }
  }

  /** Gives every code point of [first, end) one entry. */
  setRange(first: number, end: number, entry: number): void {
    let codePoint = first;
    while (codePoint < end) {
      const block = codePoint >> BLOCK_BITS;
      const blockEnd = (block + 1) << BLOCK_BITS;
      if (codePoint === block << BLOCK_BITS && blockEnd <= end) {
        this.blocks[block] = this.uniformBlock(entry);
      } else {
        const base = this.ownBlock(block) << BLOCK_BITS;
        const last = Math.min(end, blockEnd) - (block << BLOCK_BITS);
        this.entries.fill(entry, base + (codePoint & (BLOCK_SIZE - 1)), base + last);
      }
      codePoint = blockEnd;
    }
  }

  build(): UnicodeTables {
    return new UnicodeTables(
      this.blocks,
      this.entries.slice(0, this.blockCount << BLOCK_BITS),
      this.expansions,
    );
  }

  private set(codePoint: number, entry: number): void {
    const base = this.ownBlock(codePoint >> BLOCK_BITS) << BLOCK_BITS;
    this.entries[base | (codePoint & (BLOCK_SIZE - 1))] = entry;
  }

  /** A fold of a character that stands alone stays alone. */
  private setFold(source: number, target: number): void {
    const base = this.ownBlock(source >> BLOCK_BITS) << BLOCK_BITS;
    const index = base | (source & (BLOCK_SIZE - 1));
    const kind = this.entries[index]! & KIND_MASK;
    const alone = kind === CodePointKind.split || kind === CodePointKind.cjk;
    this.entries[index] = (alone ? kind : CodePointKind.fold) | (target << KIND_BITS);
  }

  private uniformBlock(entry: number): number {
    const known = this.uniform.get(entry);
    if (known !== undefined) return known;
    const block = this.appendBlock();
    this.entries.fill(entry, block << BLOCK_BITS, (block + 1) << BLOCK_BITS);
    this.uniform.set(entry, block);
    return block;
  }

  /** The block's own entries, copied from the shared ones on first use. */
  private ownBlock(block: number): number {
    const current = this.blocks[block]!;
    const first = this.entries[current << BLOCK_BITS]!;
    if (this.uniform.get(first) !== current) return current;
    const own = this.appendBlock();
    this.entries.copyWithin(own << BLOCK_BITS, current << BLOCK_BITS, (current + 1) << BLOCK_BITS);
    this.blocks[block] = own;
    return own;
  }

  private appendBlock(): number {
    if ((this.blockCount + 1) << BLOCK_BITS > this.entries.length) {
      const larger = new Uint32Array(this.entries.length * 2);
      larger.set(this.entries);
      this.entries = larger;
    }
    return this.blockCount++;
  }
}

/** Reads the numbers of a generated string. */
class NumberReader {
  private readonly digits: Uint8Array;
  private position = 0;

  constructor(encoded: string) {
    this.digits = new Uint8Array(encoded.length);
    for (let i = 0; i < encoded.length; i++) this.digits[i] = digitOf(encoded.charCodeAt(i));
  }

  get done(): boolean {
    return this.position >= this.digits.length;
  }

  unsigned(): number {
    let number = 0;
    let shift = 0;
    for (;;) {
      const digit = this.digits[this.position++]!;
      number |= (digit & 31) << shift;
      if (digit < 32) return number;
      shift += 5;
    }
  }

  signed(): number {
    const number = this.unsigned();
    return number & 1 ? -(number >> 1) - 1 : number >> 1;
  }
}

function digitOf(charCode: number): number {
  if (charCode >= 97) return charCode - 97 + 26;
  if (charCode === 95) return 63;
  if (charCode >= 65) return charCode - 65;
  if (charCode === 45) return 62;
  return charCode - 48 + 52;
}

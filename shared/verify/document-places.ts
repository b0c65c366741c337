/**
 * Which live documents a generation holds, to find one that is there twice: document keys and places go in, the place
 * of an earlier equal key comes out. 48 to 96 bytes a document: an index of millions is checked in bounded memory.
 */

export interface DocumentPlaceInIndex {
  /** The segment's place in the manifest. */
  readonly segment: number;
  readonly ordinal: number;
}

/** Four of the key, then segment + 1 (0: the slot is free) and ordinal. */
const WORDS = 6;
const INITIAL_SLOTS = 1024;

/** A hash table with linear probing over 128-bit keys; they are hashes already. */
export class DocumentPlaces {
  #slots = INITIAL_SLOTS;
  #table = new Uint32Array(INITIAL_SLOTS * WORDS);
  size = 0;

  /**
   * Adds a document.
   * @param key 32 hex digits (`documentKey`)
   * @returns null, or where the same key was added before; the earlier place stays
   */
  add(key: string, place: DocumentPlaceInIndex): DocumentPlaceInIndex | null {
    if (2 * (this.size + 1) > this.#slots) this.#grow();
    const words = [0, 8, 16, 24].map((at) => Number.parseInt(key.slice(at, at + 8), 16));
    const at = this.#find(words[0]!, words[1]!, words[2]!, words[3]!);
    const segment = this.#table[at + 4]!;
    if (segment !== 0) return { segment: segment - 1, ordinal: this.#table[at + 5]! };
    this.#table.set(words, at);
    this.#table[at + 4] = place.segment + 1;
    this.#table[at + 5] = place.ordinal;
    this.size++;
    return null;
  }

  /** Offset of the slot that has the key, or of the free one where it belongs. */
  #find(a: number, b: number, c: number, d: number): number {
    const table = this.#table;
    const mask = this.#slots - 1;
    for (let slot = a & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      if (table[at + 4] === 0) return at;
      if (table[at] === a && table[at + 1] === b && table[at + 2] === c && table[at + 3] === d) return at;
    }
  }

  #grow(): void {
    const old = this.#table;
    this.#slots *= 2;
    this.#table = new Uint32Array(this.#slots * WORDS);
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at + 4] === 0) continue;
      const target = this.#find(old[at]!, old[at + 1]!, old[at + 2]!, old[at + 3]!);
      this.#table.set(old.subarray(at, at + WORDS), target);
    }
  }
}

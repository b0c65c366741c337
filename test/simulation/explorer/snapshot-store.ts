/**
 * An ordered store of few entries that can be copied at every step and compared by one number: what an exploration
 * needs of a catalog's storage.
 */
import type { KeyRange, OrderedStore, StoredEntry } from "../../../shared/catalog/ordered-store.ts";

export class SnapshotStore implements OrderedStore {
  /** Keys as strings of one code unit a byte, ascending. */
  #keys: string[];
  /** Never changed in place, so that copies share them. */
  #values: Uint8Array[];
  #digest: Digest;

  constructor(copied?: SnapshotStore) {
    this.#keys = copied === undefined ? [] : copied.#keys.slice();
    this.#values = copied === undefined ? [] : copied.#values.slice();
    this.#digest = copied === undefined ? [0, 0] : copied.#digest;
  }

  /** Equal for equal contents, whatever led to them. */
  get digest(): string {
    return `${this.#digest[0].toString(36)}.${this.#digest[1].toString(36)}`;
  }

  get(key: Uint8Array): Uint8Array | null {
    const text = toText(key);
    const at = this.#find(text);
    return this.#keys[at] === text ? this.#values[at]!.slice() : null;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    const text = toText(key);
    const at = this.#find(text);
    if (this.#keys[at] === text) {
      this.#mix(text, this.#values[at]!);
      this.#values[at] = value.slice();
    } else {
      this.#keys.splice(at, 0, text);
      this.#values.splice(at, 0, value.slice());
    }
    this.#mix(text, value);
  }

  delete(key: Uint8Array): void {
    const text = toText(key);
    const at = this.#find(text);
    if (this.#keys[at] !== text) return;
    this.#mix(text, this.#values[at]!);
    this.#keys.splice(at, 1);
    this.#values.splice(at, 1);
  }

  list({ start, end, limit = Number.POSITIVE_INFINITY, reverse = false }: KeyRange): StoredEntry[] {
    const from = start === undefined ? 0 : this.#find(toText(start));
    const to = end === undefined ? this.#keys.length : this.#find(toText(end));
    const entries: StoredEntry[] = [];
    for (let n = 0; n < to - from && n < limit; n++) {
      const at = reverse ? to - 1 - n : from + n;
      entries.push({ key: toBytes(this.#keys[at]!), value: this.#values[at]!.slice() });
    }
    return entries;
  }

  transaction<T>(body: () => T): T {
    const before = [this.#keys.slice(), this.#values.slice(), this.#digest] as const;
    try {
      return body();
    } catch (cause) {
      [this.#keys, this.#values, this.#digest] = before;
      throw cause;
    }
  }

  /** Puts an entry into the digest, or takes it out: the digest is the sum, bit by bit, of those of the entries. */
  #mix(key: string, value: Uint8Array): void {
    const [low, high] = digestOf(key, value);
    this.#digest = [(this.#digest[0] ^ low) >>> 0, (this.#digest[1] ^ high) >>> 0];
  }

  /** The first place whose key is not before this one. */
  #find(key: string): number {
    let from = 0;
    let to = this.#keys.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#keys[middle]! < key) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

export type Digest = readonly [number, number];

/** 64 bits of a text and bytes: two multiplicative hashes with the finishing steps of MurmurHash3. */
export function digestOf(text: string, bytes: Uint8Array = new Uint8Array()): Digest {
  let low = 0x811c9dc5 ^ bytes.length;
  let high = 0x9e3779b9 ^ text.length;
  const add = (unit: number) => {
    low = Math.imul(low ^ unit, 0x85ebca6b);
    low ^= low >>> 15;
    high = Math.imul(high ^ unit, 0xc2b2ae35);
    high ^= high >>> 13;
  };
  for (let at = 0; at < text.length; at++) add(text.charCodeAt(at));
  for (const byte of bytes) add(byte);
  return [finish(low ^ (high >>> 7)), finish(high ^ (low >>> 5))];
}

function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function toText(key: Uint8Array): string {
  let text = "";
  for (const byte of key) text += String.fromCharCode(byte);
  return text;
}

function toBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/**
 * The ordered store in memory, for tests and simulation in Node. Entries lie in sorted runs of bounded length, so that
 * an insertion moves few of them; a transaction keeps what it overwrote and puts it back when its body throws.
 */
import { LzeroError } from "../errors.ts";
import type { KeyRange, OrderedStore, StoredEntry } from "./ordered-store.ts";

/** Keys as strings of one code unit a byte: JavaScript orders them as memcmp orders the bytes. */
interface Run {
  readonly keys: string[];
  readonly values: Uint8Array[];
}

interface Place {
  readonly run: number;
  readonly at: number;
  readonly found: boolean;
}

const MAX_RUN_LENGTH = 512;

export class MemoryOrderedStore implements OrderedStore {
  #runs: Run[] = [{ keys: [], values: [] }];
  #undo: { key: string; value: Uint8Array | null }[] | null = null;

  get(key: Uint8Array): Uint8Array | null {
    const place = this.#find(encodeKey(key));
    return place.found ? this.#runs[place.run]!.values[place.at]!.slice() : null;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#set(encodeKey(key), value.slice());
  }

  delete(key: Uint8Array): void {
    this.#set(encodeKey(key), null);
  }

  list(range: KeyRange): StoredEntry[] {
    const limit = range.limit ?? Number.POSITIVE_INFINITY;
    const start = range.start === undefined ? "" : encodeKey(range.start);
    const end = range.end === undefined ? null : encodeKey(range.end);
    return range.reverse === true ? this.#listDown(start, end, limit) : this.#listUp(start, end, limit);
  }

  transaction<T>(body: () => T): T {
    if (this.#undo !== null) throw new LzeroError("transaction_nested", "transactions are never nested");
    const undo: { key: string; value: Uint8Array | null }[] = [];
    this.#undo = undo;
    try {
      const result = body();
      this.#undo = null;
      return result;
    } catch (cause) {
      this.#undo = null;
      for (const { key, value } of undo.reverse()) this.#set(key, value);
      throw cause;
    }
  }

  #listUp(start: string, end: string | null, limit: number): StoredEntry[] {
    const entries: StoredEntry[] = [];
    let { run, at } = this.#find(start);
    for (; run < this.#runs.length; run++, at = 0) {
      const { keys, values } = this.#runs[run]!;
      for (; at < keys.length; at++) {
        const key = keys[at]!;
        if (entries.length >= limit || (end !== null && key >= end)) return entries;
        entries.push({ key: decodeKey(key), value: values[at]!.slice() });
      }
    }
    return entries;
  }

  #listDown(start: string, end: string | null, limit: number): StoredEntry[] {
    const entries: StoredEntry[] = [];
    const last = this.#runs.length - 1;
    let { run, at } = end === null ? { run: last, at: this.#runs[last]!.keys.length } : this.#find(end);
    for (; run >= 0; run--, at = this.#runs[run]?.keys.length ?? 0) {
      const { keys, values } = this.#runs[run]!;
      for (let i = at - 1; i >= 0; i--) {
        const key = keys[i]!;
        if (entries.length >= limit || key < start) return entries;
        entries.push({ key: decodeKey(key), value: values[i]!.slice() });
      }
    }
    return entries;
  }

  #set(key: string, value: Uint8Array | null): void {
    const place = this.#find(key);
    const { keys, values } = this.#runs[place.run]!;
    this.#undo?.push({ key, value: place.found ? values[place.at]! : null });
    if (place.found && value !== null) {
      values[place.at] = value;
    } else if (place.found) {
      keys.splice(place.at, 1);
      values.splice(place.at, 1);
      if (keys.length === 0 && this.#runs.length > 1) this.#runs.splice(place.run, 1);
    } else if (value !== null) {
      keys.splice(place.at, 0, key);
      values.splice(place.at, 0, value);
      if (keys.length > MAX_RUN_LENGTH) {
        const half = keys.length >>> 1;
        this.#runs.splice(place.run + 1, 0, { keys: keys.splice(half), values: values.splice(half) });
      }
    }
  }

  /** Finds the run and place of a key, or where it would be inserted. */
  #find(key: string): Place {
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#runs[middle]!.keys[0]! <= key) low = middle;
      else high = middle - 1;
    }
    const { keys } = this.#runs[low]!;
    let from = 0;
    let to = keys.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (keys[middle]! < key) from = middle + 1;
      else to = middle;
    }
    return { run: low, at: from, found: keys[from] === key };
  }
}

function encodeKey(key: Uint8Array): string {
  let text = "";
  for (const byte of key) text += String.fromCharCode(byte);
  return text;
}

function decodeKey(text: string): Uint8Array {
  const key = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) key[i] = text.charCodeAt(i);
  return key;
}

/**
 * What the catalog needs of its storage: byte strings in memcmp order with transactions. Everything is synchronous, as
 * a Durable Object's SQLite is. Implementations (memory here, SQLite in `workers/`) share one contract suite.
 */

/** A half-open range of keys, `start` included and `end` excluded; both are open when absent. */
export interface KeyRange {
  readonly start?: Uint8Array;
  readonly end?: Uint8Array;
  /** At most this many entries. */
  readonly limit?: number;
  /** From the highest key down. */
  readonly reverse?: boolean;
}

export interface StoredEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Keys and values given to or taken from a store are copies: changing them later changes nothing in it. */
export interface OrderedStore {
  get(key: Uint8Array): Uint8Array | null;
  /** Stores or replaces one value. */
  put(key: Uint8Array, value: Uint8Array): void;
  /** Removes one key; an absent one is no error. */
  delete(key: Uint8Array): void;
  /** @returns the entries of a range, whole: what is written afterwards does not change them */
  list(range: KeyRange): StoredEntry[];
  /** Runs `body`; when it throws, nothing that it wrote remains and the error passes on. Never nested. */
  transaction<T>(body: () => T): T;
}

/** The least key that is greater than every key with this prefix; absent when there is none (all bytes 0xFF). */
export function afterPrefix(prefix: Uint8Array): Uint8Array | undefined {
  let last = prefix.length - 1;
  while (last >= 0 && prefix[last] === 0xff) last--;
  if (last < 0) return undefined;
  const end = prefix.slice(0, last + 1);
  end[last]! += 1;
  return end;
}

/** The range of all keys with a prefix. */
export function prefixRange(prefix: Uint8Array): KeyRange {
  const end = afterPrefix(prefix);
  return end === undefined ? { start: prefix } : { start: prefix, end };
}

/** What every ordered store must do; run in Node over memory and in workerd over SQLite. */
import { expect, it } from "vitest";
import { afterPrefix, type OrderedStore, prefixRange } from "../../../../shared/catalog/ordered-store.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** @param withStore runs its body over a new, empty store */
export function describeOrderedStore(
  withStore: (body: (store: OrderedStore) => void) => Promise<void>,
): void {
  const contract = (title: string, body: (store: OrderedStore) => void) => it(title, () => withStore(body));
  const keysOf = (store: OrderedStore, range: Parameters<OrderedStore["list"]>[0]) =>
    store.list(range).map(({ key }) => [...key]);

  contract("returns null and nothing of an empty store", (store) => {
    expect(store.get(bytes(1))).toBeNull();
    expect(store.list({})).toEqual([]);
    store.delete(bytes(1));
    expect(store.list({ reverse: true, limit: 3 })).toEqual([]);
  });

  contract("returns what was put last, empty values included", (store) => {
    store.put(bytes(1, 2), bytes(9));
    store.put(bytes(1, 2), bytes(8, 7));
    store.put(bytes(3), bytes());
    expect(store.get(bytes(1, 2))).toEqual(bytes(8, 7));
    expect(store.get(bytes(3))).toEqual(bytes());
    expect(store.get(bytes(1))).toBeNull();
    store.delete(bytes(1, 2));
    expect(store.get(bytes(1, 2))).toBeNull();
  });

  contract("orders keys by memcmp: bytes as unsigned, a prefix before what it begins", (store) => {
    const keys = [[255], [0], [1, 0], [1], [127, 255], [128], [0, 0], [1, 255, 255], [2]];
    for (const key of keys) store.put(bytes(...key), bytes(key.length));
    const ordered = [[0], [0, 0], [1], [1, 0], [1, 255, 255], [2], [127, 255], [128], [255]];
    expect(keysOf(store, {})).toEqual(ordered);
    expect(keysOf(store, { reverse: true })).toEqual(ordered.toReversed());
  });

  contract("lists half-open ranges with limits in both directions", (store) => {
    for (let i = 0; i < 2000; i++) store.put(bytes(i >>> 8, i & 255), bytes(i & 255));
    const at = (i: number) => [i >>> 8, i & 255];
    const range = { start: bytes(...at(500)), end: bytes(...at(1700)) };
    expect(keysOf(store, range)).toHaveLength(1200);
    expect(keysOf(store, { ...range, limit: 2 })).toEqual([at(500), at(501)]);
    expect(keysOf(store, { ...range, limit: 2, reverse: true })).toEqual([at(1699), at(1698)]);
    expect(keysOf(store, { start: bytes(...at(1998)) })).toEqual([at(1998), at(1999)]);
    expect(keysOf(store, { end: bytes(...at(2)) })).toEqual([at(0), at(1)]);
    expect(keysOf(store, { end: bytes(...at(2)), reverse: true })).toEqual([at(1), at(0)]);
    expect(keysOf(store, { start: bytes(9), end: bytes(9) })).toEqual([]);
    expect(keysOf(store, { ...range, limit: 0 })).toEqual([]);
    for (let i = 500; i < 1700; i++) store.delete(bytes(...at(i)));
    expect(keysOf(store, range)).toEqual([]);
    expect(keysOf(store, {})).toHaveLength(800);
  });

  contract("lists all keys of a prefix, the one of highest bytes too", (store) => {
    for (const key of [[1], [1, 255], [1, 255, 255], [2], [255, 255], [255, 255, 3]])
      store.put(bytes(...key), bytes());
    expect(keysOf(store, prefixRange(bytes(1, 255)))).toEqual([
      [1, 255],
      [1, 255, 255],
    ]);
    expect(keysOf(store, prefixRange(bytes(255, 255)))).toEqual([
      [255, 255],
      [255, 255, 3],
    ]);
    expect(afterPrefix(bytes(1, 255))).toEqual(bytes(2));
    expect(afterPrefix(bytes(255))).toBeUndefined();
  });

  contract("keeps copies, so that a caller's later change does not reach it", (store) => {
    const key = bytes(1);
    const value = bytes(5);
    store.put(key, value);
    key[0] = 2;
    value[0] = 6;
    store.get(bytes(1))![0] = 7;
    store.list({})[0]!.value[0] = 8;
    expect(store.list({})).toEqual([{ key: bytes(1), value: bytes(5) }]);
  });

  contract("keeps all of a transaction that returns, and gives its result", (store) => {
    const result = store.transaction(() => {
      store.put(bytes(1), bytes(1));
      store.put(bytes(2), bytes(2));
      expect(keysOf(store, {})).toEqual([[1], [2]]); // its own writes are seen
      return "done";
    });
    expect(result).toBe("done");
    expect(keysOf(store, {})).toEqual([[1], [2]]);
  });

  contract("keeps nothing of a transaction that throws, the very first one too", (store) => {
    const failing = () =>
      store.transaction(() => {
        store.put(bytes(1), bytes(9));
        store.put(bytes(4), bytes(4));
        store.put(bytes(4), bytes(5));
        store.delete(bytes(2));
        store.put(bytes(2), bytes(7));
        store.delete(bytes(3));
        throw new Error("crash");
      });
    expect(failing).toThrow("crash");
    expect(store.list({})).toEqual([]);
    for (let i = 1; i <= 3; i++) store.put(bytes(i), bytes(i));
    expect(failing).toThrow("crash");
    expect(store.list({})).toEqual([1, 2, 3].map((i) => ({ key: bytes(i), value: bytes(i) })));
  });

  contract("refuses a transaction within a transaction", (store) => {
    expect(() => store.transaction(() => store.transaction(() => 1))).toThrow(
      expect.objectContaining({ code: "transaction_nested" }),
    );
    expect(store.transaction(() => 2)).toBe(2);
  });

  contract("stores values of 1 MB", (store) => {
    const value = new Uint8Array(1_000_000).fill(3);
    store.put(bytes(1), value);
    expect(store.get(bytes(1))).toHaveLength(value.length);
  });
}

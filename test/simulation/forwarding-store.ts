/** A store that hands everything to another one; simulated faults override what they change. */
import type { KeyRange, OrderedStore, StoredEntry } from "../../shared/catalog/ordered-store.ts";

export class ForwardingStore implements OrderedStore {
  readonly #store: OrderedStore;

  constructor(store: OrderedStore) {
    this.#store = store;
  }

  get(key: Uint8Array): Uint8Array | null {
    return this.#store.get(key);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#store.put(key, value);
  }

  delete(key: Uint8Array): void {
    this.#store.delete(key);
  }

  list(range: KeyRange): StoredEntry[] {
    return this.#store.list(range);
  }

  transaction<T>(body: () => T): T {
    return this.#store.transaction(body);
  }
}

/** An ordered store that crashes at a chosen operation within a transaction. */
import type { KeyRange, OrderedStore, StoredEntry } from "../../../../shared/catalog/ordered-store.ts";

export class SimulatedCrash extends Error {}

export class FaultyStore implements OrderedStore {
  readonly #store: OrderedStore;
  #left = 0;
  #inTransaction = false;

  constructor(store: OrderedStore) {
    this.#store = store;
  }

  /** Crashes at the n-th operation from now, counted from 1; 0 never. */
  crashAt(operation: number): void {
    this.#left = operation;
  }

  get(key: Uint8Array): Uint8Array | null {
    this.#count();
    return this.#store.get(key);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#count();
    this.#store.put(key, value);
  }

  delete(key: Uint8Array): void {
    this.#count();
    this.#store.delete(key);
  }

  list(range: KeyRange): StoredEntry[] {
    this.#count();
    return this.#store.list(range);
  }

  transaction<T>(body: () => T): T {
    return this.#store.transaction(() => {
      this.#inTransaction = true;
      try {
        return body();
      } finally {
        this.#inTransaction = false;
      }
    });
  }

  #count(): void {
    if (!this.#inTransaction || this.#left === 0) return;
    this.#left -= 1;
    if (this.#left === 0) throw new SimulatedCrash("crash");
  }
}

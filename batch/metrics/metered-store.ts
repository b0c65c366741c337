/** A page store that counts the keys it is asked for: those are what KV bills, whether a request succeeds or not. */
import type { PageEntry, PageStore } from "../../shared/storage/page-store.ts";
import type { ConsumerMetrics } from "./consumer-metrics.ts";

export class MeteredStore implements PageStore {
  readonly #store: PageStore;
  readonly #metrics: ConsumerMetrics;

  constructor(store: PageStore, metrics: ConsumerMetrics) {
    this.#store = store;
    this.#metrics = metrics;
  }

  read(key: string): Promise<Uint8Array | null> {
    this.#metrics.countKv("read", 1);
    return this.#store.read(key);
  }

  write(entries: readonly PageEntry[]): Promise<void> {
    this.#metrics.countKv("write", entries.length);
    return this.#store.write(entries);
  }

  delete(keys: readonly string[]): Promise<void> {
    this.#metrics.countKv("delete", keys.length);
    return this.#store.delete(keys);
  }
}

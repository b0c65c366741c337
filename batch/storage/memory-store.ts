/** A page store in a Map: for tests and for evaluation runs that keep nothing. */
import type { PageEntry, PageStore } from "../../shared/storage/page-store.ts";
import { checkEntry, checkKey } from "./check-entry.ts";

export class MemoryStore implements PageStore {
  readonly #values = new Map<string, Uint8Array>();

  async read(key: string): Promise<Uint8Array | null> {
    checkKey(key);
    return this.#values.get(key)?.slice() ?? null;
  }

  async write(entries: readonly PageEntry[]): Promise<void> {
    for (const { key, value } of entries) checkEntry(key, value);
    for (const { key, value } of entries) this.#values.set(key, value.slice());
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) checkKey(key);
    for (const key of keys) this.#values.delete(key);
  }

  /** Every key that is there, in code-unit order. */
  keys(): string[] {
    return [...this.#values.keys()].sort();
  }
}

/**
 * What the index needs of a key-value store. Implementations live in `workers/` (the KV binding, the isolate cache)
 * and `batch/` (Cloudflare's REST API, memory, file system); they share one contract suite.
 */

export interface PageReader {
  /** @returns the value, or null when the key is not there (or not yet visible: KV is eventually consistent) */
  read(key: string): Promise<Uint8Array | null>;
}

export interface PageEntry {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface PageWriter {
  /**
   * Resolves when every entry is stored. Writing the same entry again is harmless.
   * @throws LzeroError `storage_write_failed` naming the keys that were not stored
   */
  write(entries: readonly PageEntry[]): Promise<void>;
  /** Deletes keys; absent keys are no error. */
  delete(keys: readonly string[]): Promise<void>;
}

export interface PageStore extends PageReader, PageWriter {}

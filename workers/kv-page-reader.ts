/**
 * Pages out of Workers KV. In: a key. Out: its bytes, or null. `CachedPageReader` keeps pages in the isolate and, where
 * there is one, in the data centre's cache (they never change under one key), and counts what it had to fetch.
 */
import { LzeroError } from "../shared/errors.ts";
import type { PageReader } from "../shared/storage/page-store.ts";
import type { EdgePageCache } from "./edge-page-cache.ts";
import type { IsolateCache } from "./isolate-cache.ts";

/** Pages are immutable, so that a data centre may keep them long; a miss may be kept as long too, see `read`. */
const PAGE_CACHE_TTL_S = 3600;
/** The least that KV takes (developers.cloudflare.com/kv/api/read-key-value-pairs, cacheTtl). */
export const MIN_CACHE_TTL_S = 30;

export class KvPageReader implements PageReader {
  private readonly kv: KVNamespace;
  private readonly cacheTtlS: number;

  constructor(kv: KVNamespace, cacheTtlS: number = PAGE_CACHE_TTL_S) {
    this.kv = kv;
    this.cacheTtlS = cacheTtlS;
  }

  /**
   * `arrayBuffer` is the fastest read type that gives the whole value (KV: stream, arrayBuffer, text, json).
   * @throws LzeroError `storage_read_failed` when KV refuses or does not answer
   */
  async read(key: string): Promise<Uint8Array | null> {
    let value: ArrayBuffer | null;
    try {
      value = await this.kv.get(key, { type: "arrayBuffer", cacheTtl: this.cacheTtlS });
    } catch (cause) {
      throw new LzeroError("storage_read_failed", `KV did not give ${key}`, { key }, cause);
    }
    return value === null ? null : new Uint8Array(value);
  }
}

/** The reader of one request. */
export class CachedPageReader implements PageReader {
  /** Reads that KV answered, and their bytes: what this request cost beyond the isolate. */
  kvReads = 0;
  kvBytes = 0;

  private readonly first: PageReader;
  private readonly again: PageReader;
  private readonly cache: IsolateCache;
  private readonly edge: EdgePageCache | null;

  constructor(kv: KVNamespace, cache: IsolateCache, edge: EdgePageCache | null = null) {
    this.first = new KvPageReader(kv);
    this.again = new KvPageReader(kv, MIN_CACHE_TTL_S);
    this.cache = cache;
    this.edge = edge;
  }

  /** Reads that the data centre's cache answered. */
  get edgeHits(): number {
    return this.edge?.hits ?? 0;
  }

  read(key: string): Promise<Uint8Array | null> {
    return this.cache.getOrLoad(`page:${key}`, async () => {
      const value = await this.fetch(key);
      return value === null ? null : { value, sizeBytes: value.byteLength };
    });
  }

  /** Reads past the isolate. A value that is not there is read once more: it may have been on its way. */
  async fetch(key: string): Promise<Uint8Array | null> {
    const near = (await this.edge?.read(key)) ?? null;
    if (near !== null) return near;
    const value = (await this.count(this.first.read(key))) ?? (await this.count(this.again.read(key)));
    if (value !== null) this.edge?.keep(key, value);
    return value;
  }

  private async count(reading: Promise<Uint8Array | null>): Promise<Uint8Array | null> {
    const value = await reading;
    this.kvReads += 1;
    this.kvBytes += value?.byteLength ?? 0;
    return value;
  }
}

/**
 * An encoder that remembers: a text that was encoded before, by any process with the same model, is not encoded again.
 * In: texts. Out: the vectors of the encoder behind it, to the bit. Texts are known by the hash of all of their UTF-16
 * code units; failures are not kept.
 */
import { createHash } from "node:crypto";
import type { ModelManifest } from "../../shared/model/model-manifest.ts";
import { type CacheKey, VectorCache, type VectorCacheOptions } from "./cache/vector-cache.ts";
import { KEY_BYTES } from "./cache/vector-record.ts";
import type { DocumentEncoder, EncodedDocument } from "./encoder.ts";

/** Environment variable that names the folder of the encode cache. */
export const ENCODE_CACHE_VARIABLE = "LZERO_ENCODE_CACHE";

type Behind = Pick<DocumentEncoder, "encode" | "close">;

export class CachingEncoder implements DocumentEncoder {
  readonly manifest: ModelManifest;
  readonly #behind: Behind;
  readonly #cache: VectorCache;
  #hits = 0;

  /** @param behind of the model that the cache was opened for; closing this closes it, not the cache */
  constructor(manifest: ModelManifest, behind: Behind, cache: VectorCache) {
    this.manifest = manifest;
    this.#behind = behind;
    this.#cache = cache;
  }

  /** Texts whose vectors were known, or the same as another's of their call. */
  get hits(): number {
    return this.#hits;
  }

  /** @throws what the encoder behind it throws; the cache itself never fails a call */
  async encode(
    texts: readonly string[],
    onProgress: (done: number) => void = () => {},
  ): Promise<(EncodedDocument | Error)[]> {
    const keys = texts.map(keyOf);
    const results = new Map<CacheKey, EncodedDocument | Error>();
    const distinct = [...new Set(keys)];
    const known = await this.#cache.lookUp(distinct);
    distinct.forEach((key, at) => {
      const document = known[at];
      if (document) results.set(key, document);
    });
    const missing = new Map<CacheKey, string>();
    keys.forEach((key, at) => {
      if (!results.has(key)) missing.set(key, texts[at]!);
    });
    const hits = texts.length - missing.size;
    if (missing.size > 0) {
      if (hits > 0) onProgress(hits);
      const encoded = await this.#behind.encode([...missing.values()], (done) => onProgress(hits + done));
      const entries: [CacheKey, EncodedDocument][] = [];
      [...missing.keys()].forEach((key, at) => {
        const result = encoded[at] ?? new Error("the encoder gave no result for this document");
        results.set(key, result);
        if (!(result instanceof Error)) entries.push([key, result]);
      });
      await this.#cache.store(entries);
    } else if (texts.length > 0) onProgress(texts.length);
    this.#hits += hits;
    return keys.map((key) => results.get(key)!);
  }

  close(): Promise<void> {
    return this.#behind.close();
  }
}

/**
 * Puts a cache of its own before an encoder; closing the encoder that it returns closes both.
 * @returns the encoder itself where there is nothing to save: one without weights
 * @throws LzeroError `encode_cache_unavailable`
 */
export async function cacheEncoder(
  encoder: DocumentEncoder,
  options: Omit<VectorCacheOptions, "fingerprint">,
): Promise<DocumentEncoder> {
  const { manifest } = encoder;
  if (manifest.identity.weights === null) return encoder;
  const cache = await VectorCache.open({ ...options, fingerprint: manifest.fingerprint });
  const close = async () => {
    await encoder.close();
    await cache.close();
  };
  return new CachingEncoder(manifest, { encode: encoder.encode.bind(encoder), close }, cache);
}

function keyOf(text: string): CacheKey {
  // UTF-16, not UTF-8: there all lone surrogates are one character.
  return createHash("sha256").update(text, "utf16le").digest().subarray(0, KEY_BYTES).toString("latin1");
}

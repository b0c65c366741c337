/**
 * Which generation a query is answered from. In: an index and, if the client asks, a least generation. Out: a manifest
 * that is never older than one this isolate has served. KV is asked at most every ten seconds; the catalog only when
 * KV has no manifest or an older one than is needed.
 */
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import { decodeManifest } from "../../shared/format/manifest.ts";
import { manifestKey } from "../../shared/storage/keys.ts";
import type { HeldManifest } from "../isolate-cache.ts";
import { KvPageReader, MIN_CACHE_TTL_S } from "../kv-page-reader.ts";
import type { ReadContext } from "./read-context.ts";

/** How long an isolate answers from a manifest before it looks for a newer one. */
export const MANIFEST_HOLD_MS = 10_000;

/**
 * The manifest to answer from.
 * @throws LzeroError `index_not_found`; `generation_not_reached` with the current generation; `catalog_unavailable`
 *   when the catalog is needed and does not answer
 */
export async function currentManifest(context: ReadContext, minGeneration = 0): Promise<HeldManifest> {
  const { cache, index, nowMs } = context;
  const needed = Math.max(minGeneration, cache.generationFloor(index));
  const held = cache.heldManifest(index);
  if (held !== null && held.manifest.generation >= needed && nowMs() - held.readAtMs < MANIFEST_HOLD_MS) {
    return held;
  }
  const read = await readManifest(context);
  if (read !== null && read.manifest.generation >= needed) return read;
  return manifestFromCatalog(context, minGeneration);
}

/**
 * Asks the catalog, which is never behind.
 * @throws LzeroError as `currentManifest`
 */
export async function manifestFromCatalog(context: ReadContext, minGeneration = 0): Promise<HeldManifest> {
  const { catalog, cache, index, nowMs } = context;
  const value = await catalog.manifest();
  const manifest = decodeManifest(value, index, manifestKey(index));
  const held = cache.holdManifest(index, { manifest, readAtMs: nowMs(), sizeBytes: value.byteLength });
  const current = held.manifest.generation;
  if (current < minGeneration) {
    throw new LzeroError(
      "generation_not_reached",
      `the index is at generation ${current}, which is before ${minGeneration}`,
      { generation: current, minGeneration },
    );
  }
  return held;
}

/**
 * Does what an answer takes on the current manifest, and once more on the catalog's when a page is missing: the
 * generation may have been collected while KV still showed it.
 * @throws LzeroError of `currentManifest` and of the work; `page_missing` when pages are absent in the catalog's too
 */
export async function fromManifest<Answer>(
  context: ReadContext,
  minGeneration: number | undefined,
  work: (held: HeldManifest) => Promise<Answer>,
): Promise<Answer> {
  const held = await currentManifest(context, minGeneration);
  try {
    return await work(held);
  } catch (error) {
    if (!isLzeroError(error, "page_missing")) throw error;
    return work(await newestManifest(context, minGeneration, error));
  }
}

async function newestManifest(
  context: ReadContext,
  minGeneration: number | undefined,
  missing: LzeroError,
): Promise<HeldManifest> {
  try {
    return await manifestFromCatalog(context, minGeneration);
  } catch {
    throw missing;
  }
}

/** Reads the manifest from KV, once for all requests that want it now; null when KV has none. */
async function readManifest({ kv, cache, index, nowMs }: ReadContext): Promise<HeldManifest | null> {
  const key = manifestKey(index);
  // The value is not kept under this key: `holdManifest` decides which manifest stays.
  const held = await cache.share(`read:${key}`, async () => {
    const value = await new KvPageReader(kv, MIN_CACHE_TTL_S).read(key);
    if (value === null) return null;
    const manifest = decodeManifest(value, index, key);
    return { manifest, readAtMs: nowMs(), sizeBytes: value.byteLength };
  });
  return held === null ? null : cache.holdManifest(index, held);
}

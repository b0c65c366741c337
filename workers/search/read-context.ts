/** What answering from an index needs; made once for each request. */
import type { CatalogClient } from "../catalog-client.ts";
import { edgePageCacheOf } from "../edge-page-cache.ts";
import type { IsolateCache } from "../isolate-cache.ts";
import { IsolateRootCache } from "../isolate-root-cache.ts";
import { CachedPageReader } from "../kv-page-reader.ts";
import type { AppContext, Services } from "../services.ts";

export interface ReadContext {
  readonly index: string;
  readonly kv: KVNamespace;
  readonly cache: IsolateCache;
  readonly catalog: CatalogClient;
  readonly pages: CachedPageReader;
  readonly roots: IsolateRootCache;
  readonly nowMs: () => number;
}

export function makeReadContext(context: AppContext, services: Services, index: string): ReadContext {
  return {
    index,
    kv: context.env.INDEX,
    cache: services.cache,
    catalog: services.catalogOf(context.env, index),
    pages: new CachedPageReader(context.env.INDEX, services.cache, edgePageCacheOf(context)),
    roots: new IsolateRootCache(services.cache),
    nowMs: services.nowMs,
  };
}

/**
 * Pages in the cache of the data centre (Cache API), between the isolate and KV: a read that it answers is not billed.
 * In: a key. Out: the page, or null, never an error: where there is no such cache, or it fails, KV is asked as before.
 *
 * What it is good for and where (developers.cloudflare.com/workers/runtime-apis/cache): Workers on custom domains; not
 * behind Access; each data centre for itself, without tiers. Pages are immutable and keys are never reused, so nothing in
 * it can be wrong; what is collected from KV may stay in it for MAX_AGE_S.
 */
import type { AppContext } from "./services.ts";

/** Its own cache: what lies in `caches.default` could be served to anybody who asks the zone for its address. */
const CACHE_NAME = "lzero-pages";
/** How long a data centre may keep a page. It gives up what is not asked for sooner. */
const MAX_AGE_S = 24 * 60 * 60;
/** Calls of a request, under the 50 of the free plan (developers.cloudflare.com/workers/platform/limits). */
const MAX_CALLS = 48;
/** Offsets in a page's header (shared/format/FORMAT.md), which tell whether all of it came. */
const HEADER_BYTES = 36;
const LENGTH_AT = 28;

export interface EdgePageCacheOptions {
  readonly open: () => Promise<Cache>;
  /** Of the request: another host than the Worker's own would cost look-ups and hits. */
  readonly origin: string;
  /** Lets work go on after the answer. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** The cache of one request. */
export class EdgePageCache {
  /** Pages that it gave. */
  hits = 0;

  private readonly options: EdgePageCacheOptions;
  private opened: Promise<Cache> | null = null;
  private calls = 0;
  private isBroken = false;

  constructor(options: EdgePageCacheOptions) {
    this.options = options;
  }

  async read(key: string): Promise<Uint8Array | null> {
    const response = await this.attempt((cache) => cache.match(this.addressOf(key)));
    if (response === null || response === undefined) return null;
    const bytes = await response.arrayBuffer().catch(() => new ArrayBuffer(0));
    const value = new Uint8Array(bytes);
    if (!isWholePage(value)) return null;
    this.hits += 1;
    return value;
  }

  /** Keeps a page for later requests; the answer does not wait for it. */
  keep(key: string, value: Uint8Array): void {
    if (!isWholePage(value)) return;
    const headers = {
      "cache-control": `public, max-age=${MAX_AGE_S}, immutable`,
      "content-type": "application/octet-stream",
    };
    this.options.waitUntil(
      this.attempt((cache) => cache.put(this.addressOf(key), new Response(value, { headers }))),
    );
  }

  private async attempt<Outcome>(call: (cache: Cache) => Promise<Outcome>): Promise<Outcome | null> {
    if (this.isBroken || this.calls >= MAX_CALLS) return null;
    this.calls += 1;
    try {
      this.opened ??= this.options.open();
      return await call(await this.opened);
    } catch {
      this.isBroken = true;
      return null;
    }
  }

  private addressOf(key: string): string {
    return `${this.options.origin}/_pages/${key}`;
  }
}

/** The cache of a request, where it may be of use: null elsewhere. */
export function edgePageCacheOf(context: AppContext): EdgePageCache | null {
  if (context.env.PAGE_CACHE !== "on") return null;
  const { origin, hostname } = new URL(context.req.url);
  // The Cache API does nothing on these hosts.
  if (hostname.endsWith(".workers.dev")) return null;
  const waitUntil = waitUntilOf(context);
  if (waitUntil === null) return null;
  return new EdgePageCache({ open: () => caches.open(CACHE_NAME), origin, waitUntil });
}

/** Null where the app is called without an execution context, which hono says by throwing. */
export function waitUntilOf(context: AppContext): ((work: Promise<unknown>) => void) | null {
  try {
    const { executionCtx } = context;
    return (work) => executionCtx.waitUntil(work);
  } catch {
    return null;
  }
}

function isWholePage({ buffer, byteOffset, byteLength }: Uint8Array): boolean {
  if (byteLength < HEADER_BYTES) return false;
  const length = new DataView(buffer, byteOffset).getUint32(LENGTH_AT, true);
  return length + HEADER_BYTES === byteLength;
}

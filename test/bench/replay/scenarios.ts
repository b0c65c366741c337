/**
 * Where queries come from and how long what serves them lives. None of it is measured: Cloudflare states no lifetimes of
 * isolates and no eviction of its cache, so that several assumptions stand side by side.
 */

export interface Scenario {
  readonly name: string;
  /** Data centres with traffic; each has the same share of it. */
  readonly locations: number;
  /** Isolates at once in each; a query goes to any of them. */
  readonly isolates: number;
  /** After so long an isolate is replaced by an empty one. */
  readonly lifetimeMinutes: number;
  /** Of all locations together. */
  readonly queriesPerSecond: number;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: "one city", locations: 1, isolates: 2, lifetimeMinutes: 30, queriesPerSecond: 5 },
  { name: "one country", locations: 5, isolates: 2, lifetimeMinutes: 30, queriesPerSecond: 5 },
  { name: "one continent", locations: 20, isolates: 2, lifetimeMinutes: 30, queriesPerSecond: 5 },
  { name: "everywhere", locations: 100, isolates: 1, lifetimeMinutes: 30, queriesPerSecond: 5 },
  { name: "everywhere, seldom", locations: 100, isolates: 1, lifetimeMinutes: 10, queriesPerSecond: 0.5 },
  { name: "short-lived isolates", locations: 5, isolates: 4, lifetimeMinutes: 3, queriesPerSecond: 5 },
];

/** A data centre's cache may drop what nobody has asked for in so long. */
export const EDGE_IDLE_MS = 60 * 60_000;
/** And must after so long (`max-age` of workers/edge-page-cache.ts). */
export const EDGE_MAX_AGE_MS = 24 * 60 * 60_000;
/** How long KV keeps a value near the reader (`cacheTtl` of workers/kv-page-reader.ts). */
export const KV_CACHE_TTL_MS = 60 * 60_000;

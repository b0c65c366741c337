/**
 * One ranking over disjoint shards: a query goes to all, a few at a time, and each is told what a hit must score to
 * matter by now. What a shard is (a Worker behind a service binding, an index of its own) is for the caller; shards
 * must share model, query tables and scale, or their scores mean nothing to each other.
 */
import { createLimiter } from "./limiter.ts";

/** Service bindings that one request may call (Cloudflare docs, "Workers limits": 32 invocations a request). */
export const MAX_SHARDS = 30;

/** Anything with an integer score, best first within its shard. */
export interface ShardHit {
  readonly integerScore: number;
}

/**
 * Searches one shard.
 * @param k best hits wanted
 * @param minScore hits of lower integer scores may be left out, those of this score not
 */
export type SearchShard<Hit extends ShardHit> = (k: number, minScore: number) => Promise<readonly Hit[]>;

export interface ShardedHit<Hit> {
  /** The shard's place in the list. */
  readonly shard: number;
  readonly hit: Hit;
}

export interface ShardOptions {
  readonly k: number;
  readonly offset: number;
  /** Shards asked at the same time. */
  readonly atOnce: number;
}

/**
 * Asks all shards and merges exactly: by score, ties by the shard's place, then by the shard's own order.
 * @throws what a shard throws: a ranking without one of its shards would be wrong
 */
export async function searchShards<Hit extends ShardHit>(
  shards: readonly SearchShard<Hit>[],
  { k, offset, atOnce }: ShardOptions,
): Promise<ShardedHit<Hit>[]> {
  const wanted = offset + k;
  const limit = createLimiter(atOnce);
  let merged: ShardedHit<Hit>[] = [];
  await Promise.all(
    shards.map((search, shard) =>
      limit(async () => {
        const minScore = merged.length < wanted ? 1 : merged[wanted - 1]!.hit.integerScore;
        const hits = await search(wanted, minScore);
        merged = [...merged, ...hits.map((hit) => ({ shard, hit }))]
          // Stable: hits of one shard keep their order.
          .sort((a, b) => b.hit.integerScore - a.hit.integerScore || a.shard - b.shard)
          .slice(0, wanted);
      }),
    ),
  );
  return merged.slice(offset);
}

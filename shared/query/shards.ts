/**
 * One ranking over disjoint shards: a query goes to all, a few at a time, and each is told what a hit must score to
 * matter by now. What a shard is (a Worker behind a service binding, an index of its own) is for the caller; shards
 * must share model, query tables and scale, or their scores mean nothing to each other.
 */
import { createLimiter } from "./limiter.ts";
import { countProven } from "./search.ts";

/** Anything with an integer score, best first within its shard. */
export interface ShardHit {
  readonly integerScore: number;
}

/** A shard's own answer: exact when `unreadBound` is 0. */
export interface ShardRanking<Hit extends ShardHit> {
  readonly hits: readonly Hit[];
  /** The most that lists which the shard left unread can add to a score. */
  readonly unreadBound: number;
  /** No document of the shard that is not among the hits scores more than this over the lists that were read. */
  readonly nextScore: number;
}

/**
 * Searches one shard.
 * @param wanted best hits wanted
 * @param minScore hits of lower integer scores may be left out, those of this score not
 */
export type SearchShard<Hit extends ShardHit> = (
  wanted: number,
  minScore: number,
) => Promise<ShardRanking<Hit>>;

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

export interface MergedRanking<Hit> {
  readonly hits: readonly ShardedHit<Hit>[];
  /** Whether all shards were. */
  readonly exact: boolean;
  /** As in a search's certificate, `maxMissed` as an integer score; null when `exact`. */
  readonly certificate: { readonly provenHits: number; readonly maxMissed: number } | null;
}

/**
 * Asks all shards and merges exactly: by score, ties by the shard's place, then by the shard's own order.
 * @throws what a shard throws: a ranking without one of its shards would be wrong. Shards that wait are not asked then.
 */
export async function searchShards<Hit extends ShardHit>(
  shards: readonly SearchShard<Hit>[],
  { k, offset, atOnce }: ShardOptions,
): Promise<MergedRanking<Hit>> {
  const wanted = offset + k;
  const limit = createLimiter(atOnce);
  const unreadBounds = new Array<number>(shards.length).fill(0);
  let merged: ShardedHit<Hit>[] = [];
  let maxMissed = 0;
  let hasFailed = false;

  async function ask(search: SearchShard<Hit>, shard: number): Promise<void> {
    if (hasFailed) return;
    const minScore = merged.length < wanted ? 1 : merged[wanted - 1]!.hit.integerScore;
    const { hits, unreadBound, nextScore } = await search(wanted, minScore);
    unreadBounds[shard] = unreadBound;
    maxMissed = Math.max(maxMissed, nextScore + unreadBound);
    const all = [...merged, ...hits.map((hit) => ({ shard, hit }))]
      // Stable: hits of one shard keep their order.
      .sort((a, b) => b.hit.integerScore - a.hit.integerScore || a.shard - b.shard);
    merged = all.slice(0, wanted);
    for (const left of all.slice(wanted)) {
      maxMissed = Math.max(maxMissed, left.hit.integerScore + unreadBounds[left.shard]!);
    }
  }

  await Promise.all(
    shards.map((search, shard) =>
      limit(async () => {
        try {
          await ask(search, shard);
        } catch (error) {
          hasFailed = true;
          throw error;
        }
      }),
    ),
  );
  const hits = merged.slice(offset);
  if (unreadBounds.every((bound) => bound === 0)) return { hits, exact: true, certificate: null };
  const provenHits = countProven(
    hits.map(({ hit }) => hit),
    maxMissed,
  );
  return { hits, exact: false, certificate: { provenHits, maxMissed } };
}

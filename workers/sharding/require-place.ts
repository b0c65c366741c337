/** Whether a front and a shard mean the same place. */
import { formatShardPlace, parseShardPlace, type ShardPlace } from "../../shared/catalog/shard-place.ts";
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import { waitUntilOf } from "../edge-page-cache.ts";
import type { Env } from "../env.ts";
import { indexFacts } from "../index-settings.ts";
import type { AppContext, Services } from "../services.ts";
import { SHARD_HEADER } from "./shard-commands.ts";

/**
 * The place by configuration.
 * @throws LzeroError `shards_disagree`
 */
export function requirePlace(headers: Headers, env: Env): ShardPlace {
  const wanted = headers.get(SHARD_HEADER) ?? "";
  const place = parseShardPlace(env.SHARD_PLACE);
  if (place !== null && formatShardPlace(place) === wanted) return place;
  const own = env.SHARD_PLACE || "not set";
  throw new LzeroError(
    "shards_disagree",
    `the front binds this Worker as shard ${wanted.slice(0, 16)}, its SHARD_PLACE is ${own}`,
  );
}

/**
 * The place by the index's own record, which configuration cannot change.
 * @throws LzeroError `shards_disagree`, `index_not_found`, `catalog_unavailable`
 */
export async function requireMadeAs(
  services: Services,
  env: Env,
  index: string,
  place: ShardPlace,
): Promise<void> {
  const { shard } = await indexFacts(services.cache, services.catalogOf(env, index), index);
  if (shard !== null && formatShardPlace(shard) === formatShardPlace(place)) return;
  const made = shard === null ? "as a whole index" : `as shard ${formatShardPlace(shard)}`;
  throw new LzeroError(
    "shards_disagree",
    `"${index}" was made here ${made}, not as shard ${formatShardPlace(place)}: another number of shards takes an index made anew`,
  );
}

/**
 * Begins the same beside a search, which waits for no catalog: what is found counts as soon as it is known, for this
 * answer or for the next of this isolate.
 * @returns throws `shards_disagree` if that is known by now
 */
export function beginMadeAs(
  context: AppContext,
  services: Services,
  index: string,
  place: ShardPlace,
): () => void {
  let refusal: LzeroError | null = null;
  const check = requireMadeAs(services, context.env, index, place).catch((error: unknown) => {
    if (isLzeroError(error, "shards_disagree")) refusal = error;
  });
  waitUntilOf(context)?.(check);
  return () => {
    if (refusal !== null) throw refusal;
  };
}

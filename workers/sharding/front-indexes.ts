/** Making an index on all shards, and its statistics added up. */
import type { IndexSettings } from "../../shared/catalog/commands.ts";
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import { requireSameModel, requireShardable } from "./agreement.ts";
import { encodeGenerations } from "./generation-token.ts";
import { allPlaces, type Front, requireAll } from "./shard-client.ts";
import type { ShardAnswer } from "./shard-commands.ts";

/** @throws LzeroError `settings_not_shardable`, and those of a call to a shard: the others have made theirs then */
export async function createFrontIndex(
  front: Front,
  settings: IndexSettings,
): Promise<{ readonly created: boolean }> {
  requireShardable(settings);
  const settled = await front.callEach(allPlaces(front), (place) =>
    front.call(place, "create", { settings }),
  );
  const failed = settled.find((each) => each.status === "rejected");
  if (failed !== undefined && isLzeroError(failed.reason, "shard_unavailable")) {
    const { message, details, code } = failed.reason;
    throw new LzeroError(code, `${message}: it makes the index where it is missing`, details);
  }
  return { created: requireAll(settled).some(({ created }) => created) };
}

export interface FrontStatus {
  readonly index: string;
  readonly settings: ShardAnswer<"status">["settings"];
  readonly model: ShardAnswer<"status">["model"];
  readonly generation: string;
  readonly documents: number;
  readonly pending: number;
  readonly oldestPendingAtMs: number | null;
  readonly shards: readonly {
    readonly shard: number;
    readonly generation: number;
    readonly publishedGeneration: number;
    readonly documents: number;
    readonly pending: number;
    readonly segments: number;
    readonly sizeBytes: number;
  }[];
}

/** @throws LzeroError `shards_disagree`, and those of a call to a shard */
export async function describeFrontIndex(front: Front): Promise<FrontStatus> {
  const statuses = requireAll(
    await front.callEach(allPlaces(front), (place) => front.call(place, "status", {})),
  );
  const oldest = statuses.flatMap(({ oldestPendingAtMs }) => oldestPendingAtMs ?? []);
  return {
    index: front.index,
    settings: statuses[0]!.settings,
    model: requireSameModel(statuses.map(({ model }) => model)),
    generation: encodeGenerations(statuses.map(({ generation }) => generation)),
    documents: statuses.reduce((sum, { documents }) => sum + documents, 0),
    pending: statuses.reduce((sum, { pending }) => sum + pending, 0),
    oldestPendingAtMs: oldest.length === 0 ? null : Math.min(...oldest),
    shards: statuses.map(({ generation, publishedGeneration, documents, pending, segments }, at) => ({
      shard: at + 1,
      generation,
      publishedGeneration,
      documents,
      pending,
      segments: segments.length,
      sizeBytes: segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    })),
  };
}

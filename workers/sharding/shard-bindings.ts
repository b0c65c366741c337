/** The shards of a front, from its bindings SHARD_1 to SHARD_n. A Worker with SHARD_1 is a front and has no index itself. */
import { LzeroError } from "../../shared/errors.ts";
import { MAX_SHARDS } from "../../shared/messages/limits.ts";
import type { Env, Shard, ShardBindings } from "../env.ts";

const BINDING = /^SHARD_\d+$/;

/** Any such binding makes it a front, so that a wrong set of them is an error and not a Worker of another kind. */
export function isFront(env: Env): boolean {
  return namesOf(env).length > 0;
}

/**
 * @returns the shards by place, the first at 0
 * @throws LzeroError `not_configured` naming a binding that is missing or too many
 */
export function shardsOf(env: Env): readonly Shard[] {
  const names = namesOf(env);
  return names.map((_, at) => {
    const name = `SHARD_${at + 1}` as const;
    const shard = (env as Env & ShardBindings)[name];
    if (shard === undefined) {
      throw new LzeroError("not_configured", `there are ${names.length} shards and no ${name}`, {
        missing: name,
      });
    }
    if (at >= MAX_SHARDS) {
      throw new LzeroError("not_configured", `a front has at most ${MAX_SHARDS} shards`, {
        limit: MAX_SHARDS,
      });
    }
    return shard;
  });
}

function namesOf(env: Env): string[] {
  return Object.entries(env).flatMap(([name, value]) =>
    BINDING.test(name) && value !== undefined ? [name] : [],
  );
}

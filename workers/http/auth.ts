/**
 * Who may call what. In: a request and the scope that its route needs. Out: nothing, or a typed refusal. Keys come in
 * the Authorization header alone, never in an address; a secret that is not set closes its routes.
 */
import { LzeroError } from "../../shared/errors.ts";
import type { Env } from "../env.ts";

/**
 * `write`: documents and indexes. `publish`: the batch job's internal routes. `metrics`: those of a monitoring system.
 * `shard`: those that a front calls.
 */
export type Scope = "write" | "publish" | "metrics" | "shard";

type Secret = "LZERO_WRITE_KEY" | "LZERO_PUBLISH_KEY" | "LZERO_METRICS_KEY" | "LZERO_SHARD_KEY";

const SECRET_BY_SCOPE: Readonly<Record<Scope, Secret>> = {
  write: "LZERO_WRITE_KEY",
  publish: "LZERO_PUBLISH_KEY",
  metrics: "LZERO_METRICS_KEY",
  shard: "LZERO_SHARD_KEY",
};

const MAX_KEY_CHARACTERS = 512;
const BEARER = /^Bearer +([\x21-\x7e]+)$/i;

/**
 * Lets a request pass that has the key of a scope.
 * @throws LzeroError `only_through_front` (409: writes of a shard), `not_configured` (503), `unauthorized` (401, the same for no key and a wrong one), `key_scope`
 *   (403, a valid key of another scope)
 */
export async function requireKey(request: Request, env: Env, scope: Scope): Promise<void> {
  if (scope === "write" && env.SHARD_PLACE) {
    const message = `this is shard ${env.SHARD_PLACE} of a sharded index: writes go through its front`;
    throw new LzeroError("only_through_front", message);
  }
  const name = SECRET_BY_SCOPE[scope];
  const wanted = env[name];
  if (!wanted) throw new LzeroError("not_configured", `the secret ${name} is not set`, { missing: name });
  const others = Object.values(SECRET_BY_SCOPE)
    .filter((each) => each !== name)
    .map((each) => env[each] ?? "");
  if (others.includes(wanted)) {
    throw new LzeroError(
      "not_configured",
      "the keys of writing, publishing, metrics and shards must differ",
      {
        missing: name,
      },
    );
  }
  const given = BEARER.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
  const key = given.length <= MAX_KEY_CHARACTERS ? given : "";
  const [isWanted, ...isOther] = await Promise.all(
    [wanted, ...others].map((each) => isSameSecret(key, each)),
  );
  if (isWanted) return;
  if (isOther.includes(true) && key !== "")
    throw new LzeroError("key_scope", "this key is not for this route");
  throw new LzeroError("unauthorized", "this route needs its key as Authorization: Bearer");
}

/** Compares digests, so that neither length nor content shows in the time it takes. */
async function isSameSecret(left: string, right: string): Promise<boolean> {
  const [leftDigest, rightDigest] = await Promise.all([digest(left), digest(right)]);
  return crypto.subtle.timingSafeEqual(leftDigest, rightDigest);
}

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}

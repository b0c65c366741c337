/**
 * Who may call what. In: a request and the scope that its route needs. Out: nothing, or a typed refusal. Keys come in
 * the Authorization header alone, never in an address; a secret that is not set closes its routes.
 */
import { LzeroError } from "../../shared/errors.ts";
import type { Env } from "../env.ts";

/** `write`: documents and indexes. `publish`: the batch job's internal routes. */
export type Scope = "write" | "publish";

const MAX_KEY_CHARACTERS = 512;
const BEARER = /^Bearer +([\x21-\x7e]+)$/i;

/**
 * Lets a request pass that has the key of a scope.
 * @throws LzeroError `not_configured` (503), `unauthorized` (401, the same for no key and a wrong one), `key_scope`
 *   (403, a valid key of the other scope)
 */
export async function requireKey(request: Request, env: Env, scope: Scope): Promise<void> {
  const wanted = scope === "write" ? env.LZERO_WRITE_KEY : env.LZERO_PUBLISH_KEY;
  const other = scope === "write" ? env.LZERO_PUBLISH_KEY : env.LZERO_WRITE_KEY;
  const name = scope === "write" ? "LZERO_WRITE_KEY" : "LZERO_PUBLISH_KEY";
  if (!wanted) throw new LzeroError("not_configured", `the secret ${name} is not set`, { missing: name });
  if (wanted === other) {
    throw new LzeroError("not_configured", "the write key and the publish key must differ", {
      missing: name,
    });
  }
  const given = BEARER.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
  const key = given.length <= MAX_KEY_CHARACTERS ? given : "";
  const [isWanted, isOther] = await Promise.all([isSameSecret(key, wanted), isSameSecret(key, other ?? "")]);
  if (isWanted) return;
  if (isOther && key !== "") throw new LzeroError("key_scope", "this key is not for this route");
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

/** The limits of backpressure, from the environment. */
import type { PendingLimits } from "../shared/catalog/commands.ts";
import { LzeroError } from "../shared/errors.ts";
import type { Env } from "./env.ts";

const DEFAULT_DOCUMENTS = 100_000;
const DEFAULT_SECONDS = 86_400;

/** @throws LzeroError `not_configured` naming the variable that is no whole number from 1 on */
export function readPendingLimits(env: Env): PendingLimits {
  return {
    maxPending: readCount(env, "MAX_PENDING_DOCUMENTS", DEFAULT_DOCUMENTS),
    maxPendingAgeMs: 1000 * readCount(env, "MAX_PENDING_SECONDS", DEFAULT_SECONDS),
  };
}

function readCount(
  env: Env,
  name: "MAX_PENDING_DOCUMENTS" | "MAX_PENDING_SECONDS",
  fallback: number,
): number {
  const text = env[name];
  if (!text) return fallback;
  const count = /^[1-9]\d{0,11}$/.test(text) ? Number(text) : null;
  if (count === null) {
    throw new LzeroError("not_configured", `${name} is not a whole number from 1 on`, { malformed: name });
  }
  return count;
}

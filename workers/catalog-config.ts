/** How long the catalog keeps things, from the Worker's variables. In: their texts. Out: the catalog's configuration. */
import { type CatalogConfig, DEFAULT_CATALOG_CONFIG } from "../shared/catalog/config.ts";
import { LzeroError } from "../shared/errors.ts";
import type { Env } from "./env.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** A dead-letter queue keeps messages for 14 days at most (AWS: message retention). */
const MAX_DEAD_LETTER_DAYS = 14;

/**
 * Reads the retention variables; an absent or empty one has its default.
 * @throws LzeroError `not_configured` naming the variable that is malformed, or too short to be safe
 */
export function readCatalogConfig(env: Env): CatalogConfig {
  const queueDays = readNumber(env, "QUEUE_RETENTION_DAYS", 14) ?? days("queueRetentionMs");
  const deletionDays = readNumber(env, "DELETION_RETENTION_DAYS", 3650) ?? days("deletionRetentionMs");
  if (deletionDays <= queueDays + MAX_DEAD_LETTER_DAYS) {
    throw new LzeroError(
      "not_configured",
      `DELETION_RETENTION_DAYS must be more than ${queueDays + MAX_DEAD_LETTER_DAYS}: an old write may come out of the queue or the dead-letter queue that late`,
      { missing: "DELETION_RETENTION_DAYS" },
    );
  }
  const minutes = readNumber(env, "GENERATION_RETENTION_MINUTES", 365 * 24 * 60);
  return {
    ...DEFAULT_CATALOG_CONFIG,
    queueRetentionMs: queueDays * DAY_MS,
    deletionRetentionMs: deletionDays * DAY_MS,
    // An ingest is known for as long as its writes are judged by versions that are remembered.
    ingestRetentionMs: deletionDays * DAY_MS,
    ...(minutes === null ? {} : { generationRetentionMs: minutes * MINUTE_MS }),
    maxRetainedGenerations:
      readNumber(env, "MAX_RETAINED_GENERATIONS", 1000) ?? DEFAULT_CATALOG_CONFIG.maxRetainedGenerations,
  };
}

function days(name: "queueRetentionMs" | "deletionRetentionMs"): number {
  return DEFAULT_CATALOG_CONFIG[name] / DAY_MS;
}

type Variable =
  | "GENERATION_RETENTION_MINUTES"
  | "MAX_RETAINED_GENERATIONS"
  | "QUEUE_RETENTION_DAYS"
  | "DELETION_RETENTION_DAYS";

function readNumber(env: Env, name: Variable, max: number): number | null {
  const text = env[name];
  if (text === undefined || text === "") return null;
  const value = Number(text);
  if (/^\d{1,6}$/.test(text) && value >= 1 && value <= max) return value;
  throw new LzeroError("not_configured", `${name} is not a whole number from 1 to ${max}`, { missing: name });
}

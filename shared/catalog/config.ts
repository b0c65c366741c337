/** Durations and bounds of the catalog's rules; every one has its default here. */

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

export interface CatalogConfig {
  /** How long a staged segment may be located and committed; staging it again renews it. */
  readonly leaseMs: number;
  /** A position that is pending for longer is `expired`: SQS keeps messages 4 days by default (AWS: message retention). */
  readonly queueRetentionMs: number;
  /** Ingests are forgotten this long after they were accepted, and with them their Idempotency-Key. */
  readonly ingestRetentionMs: number;
  /** Deletions are remembered this long: longer than the queue's and the DLQ's retention together. */
  readonly deletionRetentionMs: number;
  /** A generation stays describable this long after another one took its place … */
  readonly generationRetentionMs: number;
  /** … but no more than this many, the current one included. */
  readonly maxRetainedGenerations: number;
  /** Least time between two puts of the manifest (Cloudflare: KV takes one write a second to one key). */
  readonly outboxIntervalMs: number;
  /** Longest pause between two tries to put the manifest. */
  readonly outboxMaxBackoffMs: number;
  /** The manifest is put once more this long after a put whose outcome was unknown, should that one arrive late. */
  readonly outboxConfirmMs: number;
}

export const DEFAULT_CATALOG_CONFIG: CatalogConfig = {
  leaseMs: 10 * MINUTE_MS,
  queueRetentionMs: 4 * DAY_MS,
  ingestRetentionMs: 30 * DAY_MS,
  deletionRetentionMs: 30 * DAY_MS,
  generationRetentionMs: 60 * MINUTE_MS,
  maxRetainedGenerations: 100,
  outboxIntervalMs: 1000,
  outboxMaxBackoffMs: MINUTE_MS,
  outboxConfirmMs: MINUTE_MS,
};

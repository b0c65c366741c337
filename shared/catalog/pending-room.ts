/**
 * Backpressure: whether an index takes one more request while documents of earlier ones are still pending. In: the
 * limits that the edge was configured with. Out: nothing, or a refusal that says when to come again.
 */
import { LzeroError } from "../errors.ts";
import type { PendingLimits } from "./commands.ts";

/** The age counts from this share of `maxPending` on: a few documents whose message was lost must stop nobody. */
const MIN_SHARE_FOR_AGE = 0.01;
const MAX_RETRY_AFTER_SECONDS = 60;

export interface PendingCount {
  readonly pending: number;
  /** When the oldest was accepted; null when nothing is pending. */
  readonly oldestPendingAtMs: number | null;
}

/**
 * Lets a new request of some positions in. An index without anything pending takes any request.
 * @throws LzeroError `too_many_pending` with `retryAfterSeconds`: about how long room for the request takes at the
 *   pace at which documents leave, by Little's law (pace = pending / time that one waits)
 */
export function requireRoom(
  positions: number,
  limits: PendingLimits,
  { pending, oldestPendingAtMs }: PendingCount,
  nowMs: number,
): void {
  const floor = limits.maxPending * MIN_SHARE_FOR_AGE;
  if (oldestPendingAtMs === null || pending === 0) return;
  const ageMs = Math.max(0, nowMs - oldestPendingAtMs);
  const excess = pending + positions - limits.maxPending;
  const isTooOld = ageMs > limits.maxPendingAgeMs && pending >= floor;
  if (excess <= 0 && !isTooOld) return;
  const details = { pending, oldestPendingAtMs, ...limits };
  if (isTooOld) {
    throw new LzeroError(
      "too_many_pending",
      `the oldest of ${pending} pending documents waits since ${Math.round(ageMs / 1000)} s, more than ${limits.maxPendingAgeMs / 1000} s: is a consumer running?`,
      { ...details, retryAfterSeconds: MAX_RETRY_AFTER_SECONDS },
    );
  }
  const seconds = Math.ceil((excess / pending) * (ageMs / 1000));
  throw new LzeroError(
    "too_many_pending",
    `${pending} documents of this index are pending; with ${positions} more it would be above ${limits.maxPending}`,
    { ...details, retryAfterSeconds: Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, seconds)) },
  );
}

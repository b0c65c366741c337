/**
 * What may go wrong in a run, and how often. Each seed draws its own mixture, with some faults left out altogether:
 * rare combinations come up sooner than when everything fails a little all the time.
 */
import type { Random } from "./random.ts";

export interface FaultRates {
  /** A request that never arrives. */
  lostRequest: number;
  /** A request whose answer never arrives; it takes effect within `MAX_LATE_MS`, perhaps long after the caller gave up. */
  lostAnswer: number;
  /** A request or an answer that takes minutes. */
  slow: number;
  /** A crash of the caller when it makes a request, and when it would get the answer. */
  crash: number;
  /** A crash of the catalog's object in the middle of a command; its transaction is undone. */
  catalogCrash: number;
  /** A KV read of an older state. */
  stale: number;
  /** A KV request that is refused for good: 429 and 500 beyond all retries. */
  kvRefused: number;
  /** A bulk write of which some keys are stored and the rest is refused. */
  partialWrite: number;
  /** A message that is delivered more than once without any reason. */
  duplicate: number;
  /** A received message that becomes visible again at once. */
  lostVisibility: number;
  /** A jump of a clock, tried every half minute. */
  clockJump: number;
  /** An encoder call that ends the encoder. */
  encoderCrash: number;
}

/** A request takes effect at most this long after it was sent, or never; the outbox's confirmation relies on it. */
export const MAX_LATE_MS = 45_000;
/** How old a KV read may be. */
export const MAX_STALE_MS = 3 * 60_000;

const HIGH: FaultRates = {
  lostRequest: 0.06,
  lostAnswer: 0.06,
  slow: 0.03,
  crash: 0.01,
  catalogCrash: 0.03,
  stale: 0.4,
  kvRefused: 0.05,
  partialWrite: 0.1,
  duplicate: 0.3,
  lostVisibility: 0.1,
  clockJump: 0.25,
  encoderCrash: 0.06,
};

export function drawFaults(random: Random): FaultRates {
  const rates = { ...HIGH };
  for (const name of Object.keys(rates) as (keyof FaultRates)[]) {
    rates[name] *= random.pick([0, 0.3, 1]);
  }
  return rates;
}

export const NO_FAULTS: FaultRates = {
  lostRequest: 0,
  lostAnswer: 0,
  slow: 0,
  crash: 0,
  catalogCrash: 0,
  stale: 0,
  kvRefused: 0,
  partialWrite: 0,
  duplicate: 0,
  lostVisibility: 0,
  clockJump: 0,
  encoderCrash: 0,
};

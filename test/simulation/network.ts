/**
 * Requests between actors and servers: they take time, get lost on either way, arrive late, and their sender may crash
 * at either end. The effect of a request is one event; it happens wholly or not at all.
 */
import type { CountEvent } from "./coverage.ts";
import { type FaultRates, MAX_LATE_MS } from "./faults.ts";
import type { Random } from "./random.ts";
import type { Actor, Timeline } from "./timeline.ts";
import { Violation } from "./violation.ts";

/** The outcome of a request is unknown. */
export class NetworkError extends Error {}

const TIMEOUT_MS = 8000;
const MAX_SLOW_MS = 4 * 60_000;

export interface NetworkOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly rates: () => FaultRates;
  /** Ends an actor and sees to it that another takes its place. */
  readonly crash: (actor: Actor, where: string) => void;
  readonly log: (line: () => string) => void;
  readonly count: CountEvent;
}

export class Network {
  readonly #options: NetworkOptions;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /**
   * Sends a request.
   * @param effect what the server does; what it throws is the answer
   * @throws NetworkError when no answer came
   */
  call<Answer>(actor: Actor, what: string, effect: () => Answer): Promise<Answer> {
    const { timeline, random, rates, crash, log, count } = this.#options;
    return new Promise((resolve, reject) => {
      if (!actor.alive) return;
      const { lostRequest, lostAnswer, slow, crash: crashRate } = rates();
      const isLost = random.chance(lostRequest);
      const isLate = !isLost && random.chance(lostAnswer);
      const crashesNow = random.chance(crashRate);
      const crashesThen = random.chance(crashRate);
      const wayMs = () => {
        if (!random.chance(slow)) return random.between(1, 60);
        count("slowWay");
        return random.between(1000, MAX_SLOW_MS);
      };
      if (isLost) count("requestLost");
      if (isLate) count("answerLost");
      const giveUp = () => {
        log(() => `${actor.name} ← ${what}: no answer`);
        reject(new NetworkError(`${what}: no answer`));
      };
      if (isLost) {
        timeline.schedule(TIMEOUT_MS, actor, giveUp);
      } else if (isLate) {
        timeline.schedule(random.between(0, MAX_LATE_MS), null, () => {
          const outcome = attempt(effect);
          log(() => `${what} of ${actor.name} takes effect, nobody hears of it${describe(outcome)}`);
        });
        timeline.schedule(TIMEOUT_MS, actor, giveUp);
      } else {
        timeline.schedule(Math.min(wayMs(), MAX_LATE_MS), null, () => {
          const outcome = attempt(effect);
          timeline.schedule(wayMs(), actor, () => {
            log(() => `${actor.name} ← ${what}${describe(outcome)}`);
            if (crashesThen) crash(actor, `after ${what}`);
            else if (outcome.ok) resolve(outcome.value);
            else reject(outcome.error);
          });
        });
      }
      if (crashesNow) crash(actor, `in ${what}`);
    });
  }
}

type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: unknown };

function attempt<Value>(effect: () => Value): Outcome<Value> {
  try {
    return { ok: true, value: effect() };
  } catch (error) {
    if (error instanceof Violation) throw error;
    return { ok: false, error };
  }
}

function describe(outcome: Outcome<unknown>): string {
  return outcome.ok ? "" : ` ✗ ${(outcome.error as { code?: string }).code ?? String(outcome.error)}`;
}

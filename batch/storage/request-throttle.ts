/**
 * Keeps the requests of one process under a limit over a sliding window. One instance is shared by everything that
 * talks to Cloudflare's API. It does not know of other processes with the same account: those see 429s.
 */
import { setTimeout as sleepFor } from "node:timers/promises";

/**
 * Cloudflare's API takes 1,200 requests in five minutes and then blocks every call for five minutes
 * (developers.cloudflare.com/fundamentals/api/reference/limits). The rest is left to whoever else uses the account.
 */
export const CLOUDFLARE_API_REQUEST_LIMIT = 1100;
export const CLOUDFLARE_API_WINDOW_MS = 5 * 60_000;

export interface ThrottleOptions {
  readonly limit?: number;
  readonly windowMs?: number;
  readonly now?: () => number;
  readonly sleep?: (ms: number) => Promise<unknown>;
}

export class RequestThrottle {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #now: () => number;
  readonly #sleep: (ms: number) => Promise<unknown>;
  /** Start times of the requests in the window, ascending. */
  readonly #starts: number[] = [];
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ThrottleOptions = {}) {
    this.#limit = options.limit ?? CLOUDFLARE_API_REQUEST_LIMIT;
    this.#windowMs = options.windowMs ?? CLOUDFLARE_API_WINDOW_MS;
    this.#now = options.now ?? Date.now;
    this.#sleep = options.sleep ?? sleepFor;
  }

  /** Resolves when a request may start; first come, first served. */
  acquire(): Promise<void> {
    const turn = this.#turn.then(() => this.#wait());
    this.#turn = turn;
    return turn;
  }

  async #wait(): Promise<void> {
    for (;;) {
      const now = this.#now();
      while (this.#starts.length > 0 && this.#starts[0]! <= now - this.#windowMs) this.#starts.shift();
      if (this.#starts.length < this.#limit) {
        this.#starts.push(now);
        return;
      }
      await this.#sleep(this.#starts[0]! + this.#windowMs - now);
    }
  }
}

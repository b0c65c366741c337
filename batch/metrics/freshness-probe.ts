/**
 * Publish freshness: how long after a commit the edge answers from its generation. In: generations as they are
 * committed. Out: a time for each generation that the probe saw become visible. It asks like a reader, so it measures
 * the outbox, KV and what isolates hold together, as seen from where this process runs.
 *
 * One generation of an index is watched at a time; those committed meanwhile are passed over, which makes it a sample.
 */
import { z } from "zod";

export interface FreshnessProbeOptions {
  /** Origin of the Worker. */
  readonly origin: string;
  readonly onVisible: (index: string, seconds: number) => void;
  readonly intervalMs?: number;
  /** Given up after this; then it counts as this long. */
  readonly maxMs?: number;
  readonly fetch?: typeof fetch;
  readonly now?: () => number;
  readonly sleep?: (ms: number) => Promise<unknown>;
}

const INTERVAL_MS = 500;
const MAX_MS = 120_000;
const REQUEST_TIMEOUT_MS = 5000;
/** A character that no vocabulary has: such a query reads the manifest and no page of postings. */
const PROBE_QUERY = "\uE000";

const answerSchema = z.object({ generation: z.number() });

export class FreshnessProbe {
  readonly #options: FreshnessProbeOptions;
  readonly #watched = new Set<string>();

  constructor(options: FreshnessProbeOptions) {
    this.#options = options;
  }

  /** Begins to watch a generation that was committed just now, unless an earlier one of the index is watched still. */
  watch(index: string, generation: number): void {
    if (this.#watched.has(index)) return;
    this.#watched.add(index);
    void this.#wait(index, generation).finally(() => this.#watched.delete(index));
  }

  async #wait(index: string, generation: number): Promise<void> {
    const { onVisible, intervalMs = INTERVAL_MS, maxMs = MAX_MS, now = Date.now } = this.#options;
    const sleep = this.#options.sleep ?? sleepUnref;
    const startedAtMs = now();
    for (;;) {
      const seen = await this.#ask(index);
      const elapsedMs = now() - startedAtMs;
      if ((seen !== null && seen >= generation) || elapsedMs >= maxMs) {
        onVisible(index, Math.min(elapsedMs, maxMs) / 1000);
        return;
      }
      await sleep(intervalMs);
    }
  }

  /** @returns the generation that the edge answers from; null when it does not answer */
  async #ask(index: string): Promise<number | null> {
    const { origin } = this.#options;
    const query = new URLSearchParams({ q: PROBE_QUERY, k: "1" });
    try {
      const response = await (this.#options.fetch ?? fetch)(
        `${origin.replace(/\/+$/, "")}/v1/indexes/${encodeURIComponent(index)}/search?${query}`,
        { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS), redirect: "error" },
      );
      const parsed = answerSchema.safeParse(await response.json());
      return parsed.success ? parsed.data.generation : null;
    } catch {
      return null;
    }
  }
}

/** A probe must not keep the process alive. */
function sleepUnref(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

/**
 * What an index needs after commits: a merge when it has too many segments, query tables that its settings ask for, and
 * now and then a collection.
 */
import type { Logger } from "../logging.ts";
import { type CollectorOptions, collectGarbage } from "../publish/collector.ts";
import { type RefreshOptions, refreshIdf } from "../publish/idf-refresher.ts";
import type { Merger } from "../publish/merger.ts";
import type { BoundModel, IndexTarget } from "../publish/publish-target.ts";

/** Garbage waits for minutes anyway; asking for it costs a command each time. */
const COLLECT_INTERVAL_MS = 60_000;

export interface MaintenanceOptions {
  readonly merger: Merger;
  readonly logger: Logger;
  readonly collector?: CollectorOptions;
  readonly weigher?: RefreshOptions;
  readonly collectIntervalMs?: number;
  readonly now?: () => number;
}

export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #collectedAtMs = new Map<string, number>();

  constructor(options: MaintenanceOptions) {
    this.#options = options;
  }

  /**
   * @returns whether something was merged, so that there may be more to merge
   * @throws LzeroError of the catalog and the store; doing it again later is always right
   */
  async maintain(target: IndexTarget, model: BoundModel): Promise<boolean> {
    const { merger, logger, collector, weigher } = this.#options;
    const { index } = target;
    const merged = await merger.mergeOnce(target);
    if (merged !== null) logger.info({ ...merged, index }, "segments merged");
    const weighed = await refreshIdf(target, model, weigher);
    if (weighed !== null) logger.info({ ...weighed, index }, "query tables made anew");
    const now = (this.#options.now ?? Date.now)();
    const intervalMs = this.#options.collectIntervalMs ?? COLLECT_INTERVAL_MS;
    if (now - (this.#collectedAtMs.get(index) ?? Number.NEGATIVE_INFINITY) < intervalMs)
      return merged !== null;
    this.#collectedAtMs.set(index, now);
    const collected = await collectGarbage(target, collector);
    if (collected.segments > 0) logger.info({ ...collected, index }, "segments collected");
    return merged !== null;
  }
}

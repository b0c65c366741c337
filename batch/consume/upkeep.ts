/**
 * When indexes are maintained: after each commit, again at once for as long as there was something to merge, and once a
 * minute for as long as the process lives, so that what failed, or what became garbage meanwhile, does not wait for the
 * next document. Beside publishing, since the merge of a large index takes minutes; of one index one turn at a time.
 */
import type { Logger } from "../logging.ts";
import type { BoundModel, IndexTarget } from "../publish/publish-target.ts";
import { Mutex } from "./mutex.ts";

/** Costs one command of the catalog each time when there is nothing to do. */
const PAUSE_MS = 60_000;

export interface UpkeepOptions {
  /** @returns whether there may be more to do at once */
  readonly maintain: (target: IndexTarget, model: BoundModel) => Promise<boolean>;
  readonly logger: Logger;
  readonly pauseMs?: number;
}

interface Kept {
  readonly target: IndexTarget;
  readonly lane: Mutex;
  model: BoundModel;
  /** Whether a turn is waiting or under way. */
  isDue: boolean;
  timer: NodeJS.Timeout | null;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #kept = new Map<string, Kept>();
  #isStopped = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** Something was committed. */
  committed(target: IndexTarget, model: BoundModel): void {
    let kept = this.#kept.get(target.index);
    kept ??= { target, model, lane: new Mutex(), isDue: false, timer: null };
    kept.model = model;
    this.#kept.set(target.index, kept);
    this.#queue(kept);
  }

  /** Begins nothing more; a turn that is waiting already still comes. */
  stop(): void {
    this.#isStopped = true;
    for (const { timer } of this.#kept.values()) if (timer !== null) clearTimeout(timer);
  }

  /** Resolves when no turn is waiting or under way. */
  async idle(): Promise<void> {
    await Promise.all([...this.#kept.values()].map(({ lane }) => lane.run(async () => undefined)));
  }

  #queue(kept: Kept): void {
    if (kept.isDue || this.#isStopped) return;
    kept.isDue = true;
    void kept.lane.run(async () => {
      kept.isDue = false;
      const hasMore = await this.#maintain(kept);
      if (hasMore) this.#queue(kept);
      else this.#wait(kept);
    });
  }

  async #maintain({ target, model }: Kept): Promise<boolean> {
    try {
      return await this.#options.maintain(target, model);
    } catch (error) {
      this.#options.logger.error(
        { err: error, index: target.index },
        "maintenance failed, it will be tried again",
      );
      return false;
    }
  }

  #wait(kept: Kept): void {
    if (kept.timer !== null) clearTimeout(kept.timer);
    if (this.#isStopped) return;
    kept.timer = setTimeout(() => this.#queue(kept), this.#options.pauseMs ?? PAUSE_MS);
    kept.timer.unref();
  }
}

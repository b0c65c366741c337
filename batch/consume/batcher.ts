/**
 * Gathers items into batches by lane and runs each batch when it is full or old. It decides only *when*; what a run
 * does, and what an item is, is the caller's. A batch that is due goes on filling until a run may start, so that
 * load makes batches larger instead of a queue longer.
 */

export interface BatchItem {
  /** Items of different lanes never share a batch. */
  readonly lane: string;
  readonly documents: number;
  /** Bytes of text. */
  readonly sizeBytes: number;
}

export interface BatchLimits {
  readonly maxDocuments: number;
  readonly maxBytes: number;
  /** Longest wait of the first item of a batch while a run may start. */
  readonly maxAgeMs: number;
}

export interface Clock {
  now(): number;
  /** Calls once after a time; @returns what takes the call back. */
  schedule(delayMs: number, call: () => void): () => void;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  schedule: (delayMs, call) => {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
};

export interface BatcherOptions<Item> {
  readonly limits: BatchLimits;
  /** Batches that may run at once. */
  readonly concurrency: number;
  readonly run: (lane: string, items: readonly Item[]) => Promise<void>;
  readonly clock?: Clock;
}

interface Waiting<Item> {
  readonly item: Item;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

interface Batch<Item> {
  readonly lane: string;
  readonly waiting: Waiting<Item>[];
  documents: number;
  sizeBytes: number;
  readonly openedAtMs: number;
  dueAtMs: number;
}

export class Batcher<Item extends BatchItem> {
  readonly #options: BatcherOptions<Item>;
  readonly #clock: Clock;
  /** Batches that still take items, by lane, oldest first. */
  readonly #open = new Map<string, Batch<Item>>();
  /** Full batches, oldest first. */
  readonly #full: Batch<Item>[] = [];
  #running = 0;
  #cancelTimer: (() => void) | null = null;

  constructor(options: BatcherOptions<Item>) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  /** Items that no run has taken yet. */
  get waiting(): number {
    return [...this.#full, ...this.#open.values()].reduce((sum, batch) => sum + batch.waiting.length, 0);
  }

  get running(): number {
    return this.#running;
  }

  /** Resolves when the run that holds the item has ended; rejects with that run's reason. */
  add(item: Item): Promise<void> {
    return new Promise((resolve, reject) => {
      const { maxDocuments, maxBytes } = this.#options.limits;
      let batch = this.#open.get(item.lane);
      if (batch !== undefined && batch.waiting.length > 0 && !fits(batch, item, this.#options.limits)) {
        this.#close(batch);
        batch = undefined;
      }
      batch ??= this.#openBatch(item.lane);
      batch.waiting.push({ item, resolve, reject });
      batch.documents += item.documents;
      batch.sizeBytes += item.sizeBytes;
      if (batch.documents >= maxDocuments || batch.sizeBytes >= maxBytes) this.#close(batch);
      this.#pump();
    });
  }

  /** Makes every open batch due as soon as it is `ageMs` old: no more items are to be expected soon. */
  hurry(ageMs = 0): void {
    for (const batch of this.#open.values())
      batch.dueAtMs = Math.min(batch.dueAtMs, batch.openedAtMs + ageMs);
    this.#pump();
  }

  #openBatch(lane: string): Batch<Item> {
    const openedAtMs = this.#clock.now();
    const dueAtMs = openedAtMs + this.#options.limits.maxAgeMs;
    const batch = { lane, waiting: [], documents: 0, sizeBytes: 0, openedAtMs, dueAtMs };
    this.#open.set(lane, batch);
    return batch;
  }

  #close(batch: Batch<Item>): void {
    this.#open.delete(batch.lane);
    this.#full.push(batch);
  }

  #pump(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    while (this.#running < this.#options.concurrency) {
      const batch = this.#full.shift() ?? this.#takeDue();
      if (batch === null) break;
      void this.#run(batch);
    }
    // With every slot taken the end of a run pumps again; no timer is needed.
    if (this.#running < this.#options.concurrency && this.#open.size > 0) {
      const dueAtMs = Math.min(...[...this.#open.values()].map((batch) => batch.dueAtMs));
      this.#cancelTimer = this.#clock.schedule(Math.max(0, dueAtMs - this.#clock.now()), () => this.#pump());
    }
  }

  #takeDue(): Batch<Item> | null {
    const now = this.#clock.now();
    for (const batch of this.#open.values()) {
      if (batch.dueAtMs <= now) {
        this.#open.delete(batch.lane);
        return batch;
      }
    }
    return null;
  }

  async #run(batch: Batch<Item>): Promise<void> {
    this.#running += 1;
    try {
      await this.#options.run(
        batch.lane,
        batch.waiting.map(({ item }) => item),
      );
      for (const { resolve } of batch.waiting) resolve();
    } catch (reason) {
      for (const { reject } of batch.waiting) reject(reason);
    } finally {
      this.#running -= 1;
      this.#pump();
    }
  }
}

function fits(batch: Batch<BatchItem>, item: BatchItem, limits: BatchLimits): boolean {
  return (
    batch.documents + item.documents <= limits.maxDocuments &&
    batch.sizeBytes + item.sizeBytes <= limits.maxBytes
  );
}

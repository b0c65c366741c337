/**
 * Several session workers behind one queue. In: batches. Out: their vectors. Work waits here, not in the threads: each
 * holds two batches, one that runs and one ready to follow.
 */
import { LzeroError } from "../../../shared/errors.ts";
import type { SessionWorker } from "./session-worker.ts";
import type { BatchRequest, BatchVectors } from "./worker-messages.ts";

const BATCHES_PER_WORKER = 2;

interface Job {
  readonly makeBatch: () => Omit<BatchRequest, "requestId">;
  readonly signal: AbortSignal;
  readonly resolve: (vectors: BatchVectors) => void;
  readonly reject: (error: unknown) => void;
}

export class SessionPool {
  private readonly workers: readonly SessionWorker[];
  private readonly held: number[];
  private jobs: Job[] = [];

  constructor(workers: readonly SessionWorker[]) {
    this.workers = workers;
    this.held = workers.map(() => 0);
  }

  /** Starts every session, so that a model or a device that does not work is known before the first document. */
  async start(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.start()));
  }

  /**
   * Encodes one batch on the first worker that is free.
   * @param makeBatch called when its turn comes, so that padded tokens exist only for batches in work
   * @param signal aborted: the batch is dropped if it waits still
   * @throws what SessionWorker.run throws
   */
  run(makeBatch: Job["makeBatch"], signal: AbortSignal): Promise<BatchVectors> {
    return new Promise((resolve, reject) => {
      this.jobs.push({ makeBatch, signal, resolve, reject });
      this.dispatch();
    });
  }

  /** Ends all threads; what waits or runs rejects with `encoder_closed`. */
  async close(): Promise<void> {
    const waiting = this.jobs;
    this.jobs = [];
    for (const job of waiting) job.reject(new LzeroError("encoder_closed", "the encoder was closed"));
    await Promise.all(this.workers.map((worker) => worker.close()));
  }

  private dispatch(): void {
    while (this.jobs.length > 0) {
      const index = this.held.indexOf(Math.min(...this.held));
      if (this.held[index]! >= BATCHES_PER_WORKER) return;
      const job = this.jobs.shift()!;
      if (job.signal.aborted) job.reject(job.signal.reason);
      else void this.give(job, index);
    }
  }

  private async give(job: Job, index: number): Promise<void> {
    this.held[index]!++;
    try {
      job.resolve(await this.workers[index]!.run(job.makeBatch()));
    } catch (error) {
      job.reject(error);
    } finally {
      this.held[index]!--;
      this.dispatch();
    }
  }
}

/**
 * One worker thread with a session. In: batches. Out: their vectors, or typed errors. It starts the thread when first
 * needed and again after it died; it neither retries nor queues.
 */
import { Worker } from "node:worker_threads";
import { LzeroError } from "../../../shared/errors.ts";
import { cudaUnavailable } from "./cuda.ts";
import type { BatchRequest, BatchVectors, WorkerMessage, WorkerSettings } from "./worker-messages.ts";

interface Waiting {
  readonly resolve: (vectors: BatchVectors) => void;
  readonly reject: (error: LzeroError) => void;
}

interface RunningWorker {
  readonly worker: Worker;
  readonly ready: Promise<void>;
  readonly waiting: Map<number, Waiting>;
}

export class SessionWorker {
  private readonly url: URL;
  private readonly settings: WorkerSettings;
  private running: RunningWorker | null = null;
  private nextRequestId = 1;
  private isClosed = false;

  constructor(url: URL, settings: WorkerSettings) {
    this.url = url;
    this.settings = settings;
  }

  /**
   * Waits until the session is there.
   * @throws LzeroError `encoder_device_unavailable`, `encoder_start_failed`
   */
  async start(): Promise<void> {
    await this.require().ready;
  }

  /**
   * Encodes one batch; its arrays are transferred and cannot be used afterwards.
   * @throws LzeroError `encoder_batch_failed` (the worker goes on), `encoder_crashed` (the next call starts another),
   * `encoder_closed`, and what `start` throws
   */
  async run(batch: Omit<BatchRequest, "requestId">): Promise<BatchVectors> {
    const running = this.require();
    const requestId = this.nextRequestId++;
    const answered = new Promise<BatchVectors>((resolve, reject) => {
      running.waiting.set(requestId, { resolve, reject });
    });
    // A worker that fails to start settles both promises: the first to reject is the one to report.
    answered.catch(() => {});
    await running.ready;
    running.worker.postMessage({ ...batch, requestId } satisfies BatchRequest, [
      batch.tokenIds.buffer as ArrayBuffer,
      batch.lengths.buffer as ArrayBuffer,
    ]);
    return answered;
  }

  /** Ends the thread; batches in flight reject with `encoder_closed`. */
  async close(): Promise<void> {
    this.isClosed = true;
    const running = this.running;
    if (running === null) return;
    this.abandon(running, new LzeroError("encoder_closed", "the encoder was closed"));
    await running.worker.terminate();
  }

  private require(): RunningWorker {
    if (this.isClosed) throw new LzeroError("encoder_closed", "the encoder is closed");
    this.running ??= this.spawn();
    return this.running;
  }

  private spawn(): RunningWorker {
    const worker = new Worker(this.url, { workerData: this.settings });
    const waiting = new Map<number, Waiting>();
    let settleReady: { resolve: () => void; reject: (error: LzeroError) => void } | null = null;
    const ready = new Promise<void>((resolve, reject) => {
      settleReady = { resolve, reject };
    });
    ready.catch(() => {});
    const running: RunningWorker = { worker, ready, waiting };
    const die = (error: LzeroError) => {
      settleReady?.reject(error);
      this.abandon(running, error);
    };
    worker.on("message", (message: WorkerMessage) => {
      if (message.type === "ready") {
        settleReady?.resolve();
        settleReady = null;
      } else if (message.type === "failed") die(this.startError(message.message));
      else settle(waiting, message);
    });
    worker.on("error", (cause) => {
      const crashed = new LzeroError(
        "encoder_crashed",
        `the encoder's thread died: ${cause.message}`,
        {},
        cause,
      );
      die(settleReady === null ? crashed : this.startError(cause.message));
    });
    worker.on("exit", (exitCode) => {
      die(
        new LzeroError("encoder_crashed", `the encoder's thread ended with code ${exitCode}`, { exitCode }),
      );
    });
    return running;
  }

  private startError(message: string): LzeroError {
    const { device } = this.settings;
    return device === "cpu"
      ? new LzeroError("encoder_start_failed", `the model cannot be loaded: ${message}`, { device })
      : cudaUnavailable(message);
  }

  /** Rejects what waits for a thread that answers no more. */
  private abandon(running: RunningWorker, error: LzeroError): void {
    if (this.running === running) this.running = null;
    for (const { reject } of running.waiting.values()) reject(error);
    running.waiting.clear();
  }
}

function settle(waiting: Map<number, Waiting>, message: Extract<WorkerMessage, { requestId: number }>): void {
  const waiter = waiting.get(message.requestId);
  waiting.delete(message.requestId);
  if (message.type === "vectors") waiter?.resolve(message.vectors);
  else waiter?.reject(new LzeroError("encoder_batch_failed", `the model failed: ${message.message}`));
}

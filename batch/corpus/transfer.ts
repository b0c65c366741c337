/**
 * One transfer of a corpus through the HTTP API, resumable. In: batches, as often as they are asked for. Out: every
 * batch accepted and settled, and what became of each document that is not in the index. Batches that an earlier try
 * has settled are not sent again; those still pending are, because a queue may have lost them.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { IngestStatus } from "../../shared/catalog/commands.ts";
import { LzeroError } from "../../shared/errors.ts";
import { type Batch, batchKey, type SkippedLine } from "./batches.ts";
import { type IngestClient, ingestIdOf, type RejectedPosition, type SendAnswer } from "./ingest-client.ts";

export interface TransferProgress {
  /** Documents that the API has, those of earlier tries included. */
  readonly sent: number;
  /** Of these, the ones that wait for the batch job. */
  readonly pending: number;
}

export interface TransferOptions {
  readonly client: IngestClient;
  readonly index: string;
  /** See `batchKey`. */
  readonly run: string;
  /** Opens the corpus from its beginning; a second pass gives the same batches. */
  readonly openBatches: (onSkipped: (skipped: SkippedLine) => void) => AsyncIterable<Batch>;
  /** False for a run that cannot have been tried before: saves asking. */
  readonly resume: boolean;
  /** Sending pauses while more documents than this wait for the batch job. */
  readonly maxPending: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TransferProgress) => void;
  /** Milliseconds between looks at the index. */
  readonly pollMs?: number;
  /** Pending documents that none leaves for this long are sent again. */
  readonly stallMs?: number;
}

export interface LostDocument {
  readonly line: number;
  readonly id: string | null;
  readonly code: string;
  readonly message: string;
}

export interface TransferResult {
  /** Documents by what became of them; `pending` only when not waited for. */
  readonly counts: Readonly<Record<string, number>>;
  /** Documents that are not in the index and lines that are no documents, by line. */
  readonly lost: readonly LostDocument[];
  /** Documents that this try sent; the others were there. */
  readonly sentNow: number;
}

const POLL_MS = 500;
/** Longer than a full batch takes to encode and publish on a small machine. */
const STALL_MS = 180_000;
/** Tries of a batch that the queue takes only in part. */
const MAX_PARTIAL_TRIES = 8;
const PARTIAL_DELAY_MS = 1000;
/** An ingest whose documents expired on the queue is sent under a new key; so often at most. */
const MAX_EXPIRIES = 3;

export class Transfer {
  readonly #options: TransferOptions;
  readonly #pollMs: number;
  #sent = 0;
  #mostSent = 0;
  #sentNow = 0;
  #pending = 0;
  #isQueueLost = false;
  /** Why documents were refused, by batch: the catalog keeps only that they were. */
  readonly #refusals = new Map<number, readonly RejectedPosition[]>();

  constructor(options: TransferOptions) {
    this.#options = options;
    this.#pollMs = options.pollMs ?? POLL_MS;
  }

  /** Says that the queue lost what it held: pending batches are sent again. */
  reportLostQueue(): void {
    this.#isQueueLost = true;
  }

  /** Sends everything and waits until nothing is pending. */
  async run(): Promise<TransferResult> {
    let asks = this.#options.resume;
    for (;;) {
      this.#isQueueLost = false;
      const pass = await this.#pass(asks);
      if (!pass.hasPending) return { ...pass.result, sentNow: this.#sentNow };
      await this.#waitUntilSettled();
      asks = true;
    }
  }

  /** Sends everything and does not wait for the batch job. */
  async send(): Promise<TransferResult> {
    const { result } = await this.#pass(this.#options.resume);
    return { ...result, sentNow: this.#sentNow };
  }

  async #pass(asks: boolean): Promise<{ readonly hasPending: boolean; readonly result: TransferResult }> {
    const counts: Record<string, number> = {};
    const lost: LostDocument[] = [];
    const add = (outcome: string, count: number): void => {
      if (count > 0) counts[outcome] = (counts[outcome] ?? 0) + count;
    };
    this.#sent = 0;
    const batches = this.#options.openBatches(({ line, error }) => {
      add("malformed", 1);
      lost.push({ line, id: null, code: error.code, message: error.message });
    });
    for await (const batch of batches) {
      this.#options.signal?.throwIfAborted();
      const { status, answer } = await this.#settle(batch, asks);
      this.#sent += batch.lines.length;
      if (answer !== null && answer.rejected.length > 0) this.#refusals.set(batch.number, answer.rejected);
      const refusals = this.#refusals.get(batch.number) ?? [];
      const refused = new Map(refusals.map((rejection) => [rejection.position, rejection]));
      if (status === null) {
        add("rejected", refused.size);
        add("pending", batch.lines.length - refused.size);
      } else {
        for (const [outcome, count] of Object.entries(status.counts)) add(outcome, count);
      }
      for (const rejection of refused.values()) lost.push(describeLost(batch, rejection));
      for (const document of status?.documents ?? []) {
        const isLost = ["failed", "dead", "expired"].includes(document.outcome);
        if (isLost && !refused.has(document.position)) {
          const { outcome, code = outcome, message = outcome } = document;
          lost.push(describeLost(batch, { position: document.position, code, message }));
        }
      }
      this.#report();
    }
    lost.sort((a, b) => a.line - b.line);
    return { hasPending: (counts.pending ?? 0) > 0, result: { counts, lost, sentNow: 0 } };
  }

  /**
   * Brings one batch as far as it goes now.
   * @returns `status` when the batch is settled; `answer` when it was sent
   */
  async #settle(
    batch: Batch,
    asks: boolean,
  ): Promise<{ readonly status: IngestStatus | null; readonly answer: SendAnswer | null }> {
    const { client, index, run } = this.#options;
    for (let expiries = 0; ; expiries++) {
      const key = batchKey(expiries === 0 ? run : `${run}.${expiries}`, batch);
      const status = asks ? await client.ingestStatus(index, ingestIdOf(index, key)) : null;
      if (status !== null && status.counts.pending === 0) {
        if (status.counts.expired > 0 && expiries < MAX_EXPIRIES) continue;
        return { status, answer: null };
      }
      await this.#waitForRoom();
      const answer = await this.#sendBatch(batch, key);
      this.#sentNow += answer.accepted;
      this.#pending += answer.accepted;
      return { status: null, answer };
    }
  }

  async #sendBatch(batch: Batch, key: string): Promise<SendAnswer> {
    const { client, index, signal } = this.#options;
    for (let tries = 1; ; tries++) {
      signal?.throwIfAborted();
      const answer = await client.sendDocuments(index, batch.body, key);
      if (!answer.rejected.some(({ retryable }) => retryable)) return answer;
      if (tries === MAX_PARTIAL_TRIES) {
        throw new LzeroError("queue_unavailable", `the queue took a batch only in part, ${tries} times`, {
          key,
        });
      }
      await sleep(PARTIAL_DELAY_MS * tries, undefined, { signal });
    }
  }

  /** Waits until few enough documents are pending. */
  async #waitForRoom(): Promise<void> {
    while (this.#pending > this.#options.maxPending && !this.#isQueueLost) {
      await this.#look();
      if (this.#pending > this.#options.maxPending) await this.#sleep();
    }
  }

  /** Waits until nothing is pending, or until sending again may help. */
  async #waitUntilSettled(): Promise<void> {
    let lowest = Number.POSITIVE_INFINITY;
    let changedAtMs = Date.now();
    for (;;) {
      await this.#look();
      if (this.#pending === 0 || this.#isQueueLost) return;
      if (this.#pending < lowest) {
        lowest = this.#pending;
        changedAtMs = Date.now();
      }
      if (Date.now() - changedAtMs > (this.#options.stallMs ?? STALL_MS)) return;
      await this.#sleep();
    }
  }

  async #look(): Promise<void> {
    const { client, index } = this.#options;
    const status = await client.status(index);
    if (status === null) {
      throw new LzeroError("index_not_found", `index ${index} is gone while documents are sent to it`, {
        index,
      });
    }
    this.#pending = status.pending;
    this.#report();
  }

  async #sleep(): Promise<void> {
    await sleep(this.#pollMs, undefined, { signal: this.#options.signal });
  }

  #report(): void {
    // A later pass begins at the front again; what is sent stays sent.
    this.#mostSent = Math.max(this.#mostSent, this.#sent);
    this.#options.onProgress?.({ sent: this.#mostSent, pending: Math.min(this.#pending, this.#mostSent) });
  }
}

function describeLost(
  batch: Batch,
  rejection: {
    readonly position: number;
    readonly id?: string;
    readonly code: string;
    readonly message: string;
  },
): LostDocument {
  const { position, id, code, message } = rejection;
  return { line: batch.lines[position] ?? 0, id: id ?? null, code, message };
}

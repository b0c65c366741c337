/**
 * The queue's side of the consumer: pollers take messages, a batcher gathers them, and a message is deleted only after
 * the commit (or the burial) of all of its documents. What fails stays on the queue and comes again.
 *
 * A message that was received before is handled apart: whatever ended its first handling may have been one of its
 * documents, so these are encoded in a process of their own first.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ChangeMessageVisibilityBatchCommand, type Message, type SQSClient } from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";
import { LzeroError } from "../../shared/errors.ts";
import { encodedText } from "../../shared/messages/document.ts";
import { decodeQueueMessage, type QueueMessage } from "../../shared/messages/queue-message.ts";
import { traceIdOf } from "../../shared/messages/trace-context.ts";
import type { PageStore } from "../../shared/storage/page-store.ts";
import type { OpenCatalog } from "../catalog-port.ts";
import type { Logger } from "../logging.ts";
import type { Health } from "../metrics/metrics-server.ts";
import { Publisher } from "../publish/publisher.ts";
import { classifyQueueError, describeQueueError } from "../queue/queue-errors.ts";
import { type BackoffOptions, backoffMs } from "./backoff.ts";
import { BatchProcessor, type BatchProcessorOptions, type MessageItem } from "./batch-processor.ts";
import { Batcher, type BatchLimits } from "./batcher.ts";
import { DeadLetters } from "./dead-letters.ts";
import type { Maintenance } from "./maintenance.ts";
import { checkBinding, IndexDirectory, type ModelOf } from "./model-source.ts";
import type { Progress } from "./progress.ts";
import { Upkeep } from "./upkeep.ts";

export interface QueueConsumerOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly openCatalog: OpenCatalog;
  readonly store: PageStore;
  readonly modelOf: ModelOf;
  readonly maintenance: Maintenance;
  /** Between two looks at an index that nothing is written to. */
  readonly maintenancePauseMs?: number;
  readonly logger: Logger;
  readonly progress: Progress;
  readonly publisher?: Publisher;
  readonly pollers?: number;
  readonly limits?: Partial<BatchLimits>;
  readonly visibilityTimeoutSeconds?: number;
  readonly waitTimeSeconds?: number;
  /** Ends by itself once the queue gives nothing more. */
  readonly drain?: boolean;
  /** How long a stop waits for batches under way; the rest is left to come again. */
  readonly stopTimeoutMs?: number;
  readonly encodeTimeoutMs?: number;
  /** How long the queue may refuse this consumer's credentials before it ends. */
  readonly refusalGraceMs?: number;
  readonly onTimed?: BatchProcessorOptions["onTimed"];
  /** Told of each index of which a message came. */
  readonly onIndex?: (index: string) => void;
  readonly backoff?: Partial<Backoff>;
}

export interface Backoff {
  /** Before a message whose handling failed comes again, by how often it was received. */
  readonly message: BackoffOptions;
  /** Before a poller receives again, by how often in a row its receive or its handling failed. */
  readonly poller: BackoffOptions;
}

export const DEFAULT_LIMITS: BatchLimits = {
  maxDocuments: 10_000,
  maxBytes: 8 * 1024 * 1024,
  maxAgeMs: 5000,
};

/** With every poller waiting nothing can join a batch; it need not get as old as it otherwise may. */
const SATURATED_AGE_MS = 1000;
/** Batches under way at once: one publishes while the next encodes. */
const BATCHES_UNDER_WAY = 2;
const DEFAULT_WAIT_SECONDS = 10;
/** Messages of one receive (Amazon SQS quotas). */
const MESSAGES_PER_RECEIVE = 10;

/**
 * A failed message comes again soon at first, since most failures are short. The waits of the pollers keep an outage
 * from taking message after message, each of which would count as received.
 */
export const DEFAULT_BACKOFF: Backoff = {
  message: { firstMs: 2000, longestMs: 5 * 60_000 },
  poller: { firstMs: 1000, longestMs: 30_000 },
};
/** Failures that no waiting ends: the consumer does, after a moment of grace for credentials that are being renewed. */
const REFUSALS = new Set([
  "aws_credentials_expired",
  "aws_credentials_missing",
  "aws_access_denied",
  "queue_not_found",
]);
const REFUSAL_GRACE_MS = 60_000;
/** A consumer that has heard nothing of the queue for this long beyond its waiting time is not well. */
const SILENCE_MS = 120_000;

export class QueueConsumer {
  readonly #options: QueueConsumerOptions;
  readonly #pollers: Consumer[];
  readonly #batcher: Batcher<MessageItem>;
  readonly #processor: BatchProcessor;
  readonly #upkeep: Upkeep;
  readonly #directory: IndexDirectory;
  readonly #deadLetters: DeadLetters;
  /** Pollers whose handler is under way. */
  readonly #busy = new Set<number>();
  /** Pollers that received messages and may still have to delete them. */
  readonly #holding = new Set<number>();
  /** Pollers whose last receive was empty. */
  readonly #empty = new Set<number>();
  /** Failures in a row, by poller. */
  readonly #failures = new Map<number, number>();
  /** Since when the queue has refused this consumer as nobody who may ask; null: it does not. */
  #refusedSinceMs: number | null = null;
  /** Ends the waits of pollers. */
  readonly #wake = new AbortController();
  readonly #backoff: Backoff;
  #heardAtMs = Date.now();
  #stopping: Promise<void> | null = null;
  #fatal: LzeroError | null = null;
  #end: () => void = () => undefined;
  readonly #ended: Promise<void>;

  constructor(options: QueueConsumerOptions) {
    this.#options = options;
    this.#backoff = { ...DEFAULT_BACKOFF, ...options.backoff };
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#directory = new IndexDirectory(options.openCatalog);
    this.#deadLetters = new DeadLetters(options.sqs, options.deadLetterQueueUrl, options.logger);
    this.#upkeep = new Upkeep({
      logger: options.logger,
      maintain: (target, model) => options.maintenance.maintain(target, model),
      ...(options.maintenancePauseMs === undefined ? {} : { pauseMs: options.maintenancePauseMs }),
    });
    this.#processor = new BatchProcessor({
      store: options.store,
      openCatalog: options.openCatalog,
      directory: this.#directory,
      modelOf: options.modelOf,
      publisher: options.publisher ?? new Publisher({ logger: options.logger }),
      deadLetters: this.#deadLetters,
      logger: options.logger,
      progress: options.progress,
      encodeTimeoutMs: options.encodeTimeoutMs ?? 15 * 60_000,
      upkeep: this.#upkeep,
      onFatal: (error) => this.#fail(error),
      ...(options.onTimed === undefined ? {} : { onTimed: options.onTimed }),
    });
    this.#batcher = new Batcher<MessageItem>({
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      concurrency: BATCHES_UNDER_WAY,
      run: (_, items) => this.#processor.process(items[0]!.message.index, items),
    });
    this.#pollers = Array.from({ length: options.pollers ?? 4 }, (_, number) => this.#createPoller(number));
  }

  /**
   * Consumes until it is stopped, or drained.
   * @throws LzeroError `encoder_lost`, `encoder_stuck`, `aws_credentials_expired`, `aws_credentials_missing`,
   *   `aws_access_denied`, `queue_not_found`: the process should end; what it held comes again
   */
  async run(): Promise<void> {
    for (const poller of this.#pollers) poller.start();
    await this.#ended;
    if (this.#fatal !== null) throw this.#fatal;
  }

  /** Whether it takes messages, or has some in hand. */
  get health(): Health {
    if (this.#fatal !== null) return { isHealthy: false, reason: this.#fatal.code };
    if (this.#stopping !== null) return { isHealthy: false, reason: "stopping" };
    if (this.#busy.size > 0) return { isHealthy: true, reason: "messages in hand" };
    const { waitTimeSeconds = DEFAULT_WAIT_SECONDS } = this.#options;
    const isSilent = Date.now() - this.#heardAtMs > SILENCE_MS + 1000 * waitTimeSeconds;
    return { isHealthy: !isSilent, reason: isSilent ? "the queue does not answer" : "waiting for messages" };
  }

  /** Takes no more messages, finishes what is under way as far as time allows, and lets `run` end. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopNow();
    return this.#stopping;
  }

  async #stopNow(): Promise<void> {
    const { logger, stopTimeoutMs = 15_000 } = this.#options;
    const deadlineMs = Date.now() + (this.#fatal === null ? stopTimeoutMs : 0);
    this.#wake.abort();
    // A poller that only waits for messages is cut off; one with messages in hand must still be able to delete them.
    for (const [number, poller] of this.#pollers.entries())
      poller.stop({ abort: !this.#holding.has(number) });
    this.#upkeep.stop();
    this.#batcher.hurry();
    while (this.#pollers.some((poller) => poller.status.isPolling) && Date.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    const left = this.#batcher.waiting + this.#batcher.running;
    if (this.#busy.size > 0)
      logger.warn({ batches: left }, "stopped with messages in hand; they will come again");
    else {
      await this.#processor.idle();
      await this.#upkeep.idle();
    }
    this.#end();
  }

  #fail(error: LzeroError): void {
    this.#fatal ??= error;
    this.#options.logger.fatal({ err: error }, "the consumer cannot go on");
    void this.stop();
  }

  #createPoller(number: number): Consumer {
    const {
      logger,
      sqs,
      queueUrl,
      visibilityTimeoutSeconds = 60,
      waitTimeSeconds = DEFAULT_WAIT_SECONDS,
      drain,
    } = this.#options;
    const poller = Consumer.create({
      sqs,
      queueUrl,
      batchSize: MESSAGES_PER_RECEIVE,
      // The newer name of the parameter and the older one, which is all that some emulators know.
      messageSystemAttributeNames: ["ApproximateReceiveCount"],
      attributeNames: ["All"],
      visibilityTimeout: visibilityTimeoutSeconds,
      heartbeatInterval: Math.max(1, Math.floor(visibilityTimeoutSeconds / 3)),
      waitTimeSeconds: drain ? Math.min(1, waitTimeSeconds) : waitTimeSeconds,
      // After any failure `#pause` waits, for longer each time.
      authenticationErrorTimeout: 0,
      handleMessageBatch: (messages) => this.#handleMessages(number, messages),
      preReceiveMessageCallback: async () => {
        this.#holding.delete(number);
        await this.#pause(number);
      },
    });
    poller.on("error", (error, messages) => {
      if (this.#stopping !== null) return;
      this.#noteFailure(number);
      this.#noteRefusal(error);
      const list = messages === undefined ? [] : [messages].flat();
      logger.error({ err: error, messageIds: list.map(({ MessageId }) => MessageId) }, "queue error");
    });
    poller.on("empty", () => this.#noteEmpty(number));
    return poller;
  }

  #noteFailure(number: number): void {
    this.#failures.set(number, (this.#failures.get(number) ?? 0) + 1);
  }

  /** Credentials that AWS refuses, or a queue that is not there, do not pass by waiting; a moment of it may. */
  #noteRefusal(error: unknown): void {
    if (!REFUSALS.has(classifyQueueError(error).code)) return;
    this.#refusedSinceMs ??= Date.now();
    const { refusalGraceMs = REFUSAL_GRACE_MS } = this.#options;
    if (Date.now() - this.#refusedSinceMs < refusalGraceMs) return;
    this.#fail(describeQueueError(error, "asking the queue"));
  }

  #noteAnswer(): void {
    this.#heardAtMs = Date.now();
    this.#refusedSinceMs = null;
  }

  /** Waits before a receive that follows a failure. */
  async #pause(number: number): Promise<void> {
    const failures = this.#failures.get(number) ?? 0;
    if (failures === 0) return;
    const ms = backoffMs(failures, this.#backoff.poller);
    await sleep(ms, undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }

  #noteEmpty(number: number): void {
    this.#noteAnswer();
    this.#failures.delete(number);
    this.#empty.add(number);
    if (this.#options.drain && this.#empty.size === this.#pollers.length && this.#busy.size === 0)
      void this.stop();
  }

  /** @returns the messages that may be deleted */
  async #handleMessages(number: number, messages: Message[]): Promise<Message[]> {
    if (this.#stopping !== null) return [];
    this.#noteAnswer();
    this.#busy.add(number);
    this.#holding.add(number);
    this.#empty.clear();
    try {
      const ended = await Promise.allSettled(messages.map((message) => this.#handleMessage(message)));
      const failed = messages.filter((message, at) => {
        const outcome = ended[at]!;
        if (outcome.status === "fulfilled") return false;
        this.#options.logger.error(
          { err: outcome.reason, messageId: message.MessageId, ...describeBody(message.Body) },
          "message not handled, it will come again",
        );
        return true;
      });
      if (failed.length === 0) this.#failures.delete(number);
      else {
        this.#noteFailure(number);
        await this.#delay(failed);
      }
      return messages.filter((message) => !failed.includes(message));
    } finally {
      this.#heardAtMs = Date.now();
      this.#busy.delete(number);
    }
  }

  /** Lets messages come again after a while, instead of when their visibility happens to end. */
  async #delay(messages: readonly Message[]): Promise<void> {
    const { sqs, queueUrl, logger } = this.#options;
    const entries = messages.map(({ ReceiptHandle, Attributes }, at) => ({
      Id: `${at}`,
      ReceiptHandle,
      VisibilityTimeout: Math.max(
        1,
        Math.round(backoffMs(receiveCount(Attributes), this.#backoff.message) / 1000),
      ),
    }));
    try {
      await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries: entries }));
    } catch (error) {
      // They come again all the same, when their visibility ends.
      logger.warn({ err: error }, "failed messages could not be delayed");
    }
  }

  /** Resolves when every document of the message is committed or buried. */
  async #handleMessage({ Body = "", MessageId = "", Attributes }: Message): Promise<void> {
    let message: QueueMessage;
    try {
      message = decodeQueueMessage(Body);
    } catch (error) {
      return await this.#deadLetters.buryMessage(Body, MessageId, error as Error);
    }
    const { index } = message;
    this.#options.onIndex?.(index);
    const status = await this.#directory.find(index);
    if (status === null) {
      const error = new LzeroError("index_not_found", `there is no index ${index}`, { index });
      return await this.#deadLetters.buryMessage(Body, MessageId, error);
    }
    const texts = message.documents.map((document) => encodedText(document, status.settings.encodedFields));
    this.#options.progress.received += message.documents.length;
    const isAgain = receiveCount(Attributes) > 1;
    let results: MessageItem["results"] = null;
    if (isAgain) {
      this.#options.logger.info(
        { index, messageId: MessageId, ...describeMessage(message) },
        "message came again",
      );
      const model = this.#options.modelOf(status, () => texts);
      checkBinding(status, model.bound);
      results = {
        model: model.bound.binding.fingerprint,
        documents: await model.isolated.encode(texts),
      };
      this.#options.progress.encoded += texts.length;
    }
    const done = this.#batcher.add({
      lane: `${index} ${isAgain ? "again" : "first"}`,
      documents: message.documents.length,
      sizeBytes: texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0),
      message,
      messageId: MessageId,
      results,
    });
    if (this.#stopping !== null) this.#batcher.hurry();
    else if (this.#busy.size === this.#pollers.length) this.#batcher.hurry(SATURATED_AGE_MS);
    await done;
  }
}

function receiveCount(attributes: Message["Attributes"]): number {
  return Number(attributes?.ApproximateReceiveCount ?? 1);
}

function describeMessage({ ingestId, traceparent }: QueueMessage): { ingestId: string; traceId?: string } {
  const traceId = traceIdOf(traceparent);
  return traceId === null ? { ingestId } : { ingestId, traceId };
}

/** What a log line says of a message, of which nothing is known yet. */
function describeBody(body: string | undefined): object {
  try {
    return describeMessage(decodeQueueMessage(body ?? ""));
  } catch {
    return {};
  }
}

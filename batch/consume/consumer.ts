/**
 * The queue's side of the consumer: pollers take messages, a batcher gathers them, and a message is deleted only after
 * the commit (or the burial) of all of its documents. What fails stays on the queue and comes again.
 *
 * A message that was received before is handled apart: whatever ended its first handling may have been one of its
 * documents, so these are encoded in a process of their own first.
 */
import type { Message, SQSClient } from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";
import { LzeroError } from "../../shared/errors.ts";
import { encodedText } from "../../shared/messages/document.ts";
import { decodeQueueMessage, type QueueMessage } from "../../shared/messages/queue-message.ts";
import type { PageStore } from "../../shared/storage/page-store.ts";
import type { OpenCatalog } from "../catalog-port.ts";
import type { Logger } from "../logging.ts";
import { Publisher } from "../publish/publisher.ts";
import { BatchProcessor, type MessageItem } from "./batch-processor.ts";
import { Batcher, type BatchLimits } from "./batcher.ts";
import { DeadLetters } from "./dead-letters.ts";
import type { Maintenance } from "./maintenance.ts";
import { checkBinding, IndexDirectory, type ModelOf } from "./model-source.ts";
import type { Progress } from "./progress.ts";

export interface QueueConsumerOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly openCatalog: OpenCatalog;
  readonly store: PageStore;
  readonly modelOf: ModelOf;
  readonly maintenance: Maintenance;
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
/** Messages of one receive (Amazon SQS quotas). */
const MESSAGES_PER_RECEIVE = 10;

export class QueueConsumer {
  readonly #options: QueueConsumerOptions;
  readonly #pollers: Consumer[];
  readonly #batcher: Batcher<MessageItem>;
  readonly #processor: BatchProcessor;
  readonly #directory: IndexDirectory;
  readonly #deadLetters: DeadLetters;
  /** Pollers whose handler is under way. */
  readonly #busy = new Set<number>();
  /** Pollers that received messages and may still have to delete them. */
  readonly #holding = new Set<number>();
  /** Pollers whose last receive was empty. */
  readonly #empty = new Set<number>();
  #stopping: Promise<void> | null = null;
  #fatal: LzeroError | null = null;
  #end: () => void = () => undefined;
  readonly #ended: Promise<void>;

  constructor(options: QueueConsumerOptions) {
    this.#options = options;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#directory = new IndexDirectory(options.openCatalog);
    this.#deadLetters = new DeadLetters(options.sqs, options.deadLetterQueueUrl, options.logger);
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
      maintain: (target, model) => options.maintenance.maintain(target, model),
      onFatal: (error) => this.#fail(error),
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
   * @throws LzeroError `encoder_lost`, `encoder_stuck`: the process should end; what it held comes again
   */
  async run(): Promise<void> {
    for (const poller of this.#pollers) poller.start();
    await this.#ended;
    if (this.#fatal !== null) throw this.#fatal;
  }

  /** Takes no more messages, finishes what is under way as far as time allows, and lets `run` end. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopNow();
    return this.#stopping;
  }

  async #stopNow(): Promise<void> {
    const { logger, stopTimeoutMs = 15_000 } = this.#options;
    const deadlineMs = Date.now() + (this.#fatal === null ? stopTimeoutMs : 0);
    // A poller that only waits for messages is cut off; one with messages in hand must still be able to delete them.
    for (const [number, poller] of this.#pollers.entries())
      poller.stop({ abort: !this.#holding.has(number) });
    this.#batcher.hurry();
    while (this.#pollers.some((poller) => poller.status.isPolling) && Date.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    const left = this.#batcher.waiting + this.#batcher.running;
    if (this.#busy.size > 0)
      logger.warn({ batches: left }, "stopped with messages in hand; they will come again");
    else await this.#processor.idle();
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
      waitTimeSeconds = 10,
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
      handleMessageBatch: (messages) => this.#handleMessages(number, messages),
      preReceiveMessageCallback: async () => {
        this.#holding.delete(number);
      },
    });
    poller.on("error", (error, messages) => {
      if (this.#stopping !== null) return;
      const list = messages === undefined ? [] : [messages].flat();
      logger.error({ err: error, messageIds: list.map(({ MessageId }) => MessageId) }, "queue error");
    });
    poller.on("empty", () => this.#noteEmpty(number));
    return poller;
  }

  #noteEmpty(number: number): void {
    this.#empty.add(number);
    if (this.#options.drain && this.#empty.size === this.#pollers.length && this.#busy.size === 0)
      void this.stop();
  }

  /** @returns the messages that may be deleted */
  async #handleMessages(number: number, messages: Message[]): Promise<Message[]> {
    if (this.#stopping !== null) return [];
    this.#busy.add(number);
    this.#holding.add(number);
    this.#empty.clear();
    try {
      const ended = await Promise.allSettled(messages.map((message) => this.#handleMessage(message)));
      return messages.filter((message, at) => {
        const outcome = ended[at]!;
        if (outcome.status === "fulfilled") return true;
        this.#options.logger.error(
          { err: outcome.reason, messageId: message.MessageId },
          "message not handled, it will come again",
        );
        return false;
      });
    } finally {
      this.#busy.delete(number);
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
    const status = await this.#directory.find(index);
    if (status === null) {
      const error = new LzeroError("index_not_found", `there is no index ${index}`, { index });
      return await this.#deadLetters.buryMessage(Body, MessageId, error);
    }
    const texts = message.documents.map((document) => encodedText(document, status.settings.encodedFields));
    this.#options.progress.received += message.documents.length;
    const isAgain = Number(Attributes?.ApproximateReceiveCount ?? 1) > 1;
    let results: MessageItem["results"] = null;
    if (isAgain) {
      this.#options.logger.info(
        { index, messageId: MessageId, ingestId: message.ingestId },
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

/**
 * Sends what cannot be indexed to the dead-letter queue, with the reason, and records it. First the queue, then the
 * catalog, and only after both may the message go: a crash between sends it twice, never not at all.
 */
import { type MessageAttributeValue, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { isLzeroError } from "../../shared/errors.ts";
import {
  encodeQueueMessage,
  type QueuedDocument,
  type QueueMessage,
} from "../../shared/messages/queue-message.ts";
import { traceIdOf } from "../../shared/messages/trace-context.ts";
import type { CatalogPort } from "../catalog-port.ts";
import type { Logger } from "../logging.ts";

/** Bounds of `settle`; the queue's attributes follow them. */
const MAX_CODE_LENGTH = 64;
const MAX_REASON_LENGTH = 1000;

export interface DeadDocument {
  readonly message: QueueMessage;
  readonly sourceMessageId: string;
  readonly document: QueuedDocument;
  readonly error: Error;
}

export class DeadLetters {
  readonly #sqs: SQSClient;
  readonly #queueUrl: string;
  readonly #logger: Logger;

  constructor(sqs: SQSClient, queueUrl: string, logger: Logger) {
    this.#sqs = sqs;
    this.#queueUrl = queueUrl;
    this.#logger = logger;
  }

  /** Sends each document alone, as a message that could be sent to the first queue again, then settles them as dead. */
  async buryDocuments(catalog: CatalogPort, dead: readonly DeadDocument[]): Promise<void> {
    if (dead.length === 0) return;
    for (const { message, sourceMessageId, document, error } of dead) {
      const { code, reason } = explain(error);
      await this.#send(encodeQueueMessage({ ...message, documents: [document] }), {
        code,
        reason,
        sourceMessageId,
        index: message.index,
        ingestId: message.ingestId,
        position: document.position,
        version: document.version,
      });
      this.#logger.warn(
        {
          index: message.index,
          ingestId: message.ingestId,
          position: document.position,
          id: document.id,
          messageId: sourceMessageId,
          traceId: traceIdOf(message.traceparent) ?? undefined,
          code,
          reason,
        },
        "document sent to the dead-letter queue",
      );
    }
    const outcomes = dead.map(({ message, document, error }) => {
      const { code, reason } = explain(error);
      return {
        ingestId: message.ingestId,
        position: document.position,
        outcome: "dead" as const,
        code,
        message: reason,
      };
    });
    await catalog.settle({ outcomes });
  }

  /** Sends a message that nothing can be made of, as it came. */
  async buryMessage(body: string, sourceMessageId: string, error: Error): Promise<void> {
    const { code, reason } = explain(error);
    await this.#send(body, { code, reason, sourceMessageId });
    this.#logger.warn({ messageId: sourceMessageId, code, reason }, "message sent to the dead-letter queue");
  }

  async #send(body: string, attributes: Readonly<Record<string, string | number>>): Promise<void> {
    const values: Record<string, MessageAttributeValue> = {};
    for (const [name, value] of Object.entries(attributes)) {
      values[name] = {
        DataType: typeof value === "number" ? "Number" : "String",
        StringValue: String(value),
      };
    }
    await this.#sqs.send(
      new SendMessageCommand({ QueueUrl: this.#queueUrl, MessageBody: body, MessageAttributes: values }),
    );
  }
}

/** A code and a sentence that SQS takes as attributes: not empty, and only characters of XML 1.0. */
function explain(error: Error): { code: string; reason: string } {
  const code = isLzeroError(error) ? error.code : "encoder_failed";
  const reason = error.message
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
  return {
    code: code.slice(0, MAX_CODE_LENGTH),
    reason: reason.slice(0, MAX_REASON_LENGTH).toWellFormed() || code,
  };
}

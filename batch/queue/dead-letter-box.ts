/**
 * The dead-letter queue as something that can be looked through. SQS has no reading without receiving: what is looked
 * at is hidden for a time, and given back at the end; should this process die, SQS gives it back when the time is over.
 */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { isLzeroError } from "../../shared/errors.ts";
import { decodeQueueMessage, type QueueMessage } from "../../shared/messages/queue-message.ts";
import { describeQueueError } from "./queue-errors.ts";

/** A message that could not be indexed, and what is known of why. */
export interface DeadMessage {
  readonly messageId: string;
  readonly body: string;
  /** Null: the body is no message of ours, or of a newer format. */
  readonly message: QueueMessage | null;
  /** Null: SQS moved it, which keeps no reason. */
  readonly reason: { readonly code: string; readonly text: string } | null;
  /** Why the body cannot be read, where it cannot. */
  readonly fault: { readonly code: string; readonly text: string } | null;
  readonly sentAtMs: number;
  /** For this receive alone. */
  readonly receiptHandle: string;
}

export interface DeadLetterBoxOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  /** How long what was received stays hidden from others. */
  readonly visibilitySeconds?: number;
  /** Of one receive: a long poll asks all of SQS's servers, so that an empty one means an empty queue. */
  readonly waitSeconds?: number;
}

const VISIBILITY_SECONDS = 300;
const WAIT_SECONDS = 1;
/** Receives in a row that give only what is known. */
const MAX_KNOWN_RECEIVES = 10;
/** Messages of one request (Amazon SQS quotas). */
const BATCH = 10;

export class DeadLetterBox {
  readonly #options: DeadLetterBoxOptions;
  /** Handles of what is hidden by this instance. */
  readonly #held = new Map<string, string>();

  constructor(options: DeadLetterBoxOptions) {
    this.#options = options;
  }

  /**
   * Every message once, until the queue gives nothing new.
   * @throws LzeroError by `describeQueueError`
   */
  async *receive(): AsyncGenerator<DeadMessage> {
    const {
      sqs,
      queueUrl,
      visibilitySeconds = VISIBILITY_SECONDS,
      waitSeconds = WAIT_SECONDS,
    } = this.#options;
    const seen = new Set<string>();
    let known = 0;
    for (;;) {
      let messages: Message[];
      try {
        ({ Messages: messages = [] } = await sqs.send(
          new ReceiveMessageCommand({
            QueueUrl: queueUrl,
            MaxNumberOfMessages: BATCH,
            VisibilityTimeout: visibilitySeconds,
            WaitTimeSeconds: waitSeconds,
            MessageAttributeNames: ["All"],
            // The newer name of the parameter and the older one, which is all that some emulators know.
            MessageSystemAttributeNames: ["SentTimestamp"],
            AttributeNames: ["All"],
          }),
        ));
      } catch (error) {
        throw describeQueueError(error, "reading the dead-letter queue");
      }
      const dead = messages.map(decodeDead);
      for (const { messageId, receiptHandle } of dead) this.#held.set(messageId, receiptHandle);
      const fresh = dead.filter(({ messageId }) => !seen.has(messageId));
      for (const one of fresh) {
        seen.add(one.messageId);
        yield one;
      }
      // Known ones come round again when their time is over, which is no sign yet that there are no others.
      known = fresh.length === 0 ? known + 1 : 0;
      if (messages.length === 0 || known >= MAX_KNOWN_RECEIVES) return;
    }
  }

  /** Deletes a message for good. @throws LzeroError by `describeQueueError` */
  async delete({ messageId, receiptHandle }: DeadMessage): Promise<void> {
    const { sqs, queueUrl } = this.#options;
    const handle = this.#held.get(messageId) ?? receiptHandle;
    try {
      await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: handle }));
    } catch (error) {
      throw describeQueueError(error, "deleting from the dead-letter queue");
    }
    this.#held.delete(messageId);
  }

  /** Gives back at once what is still held; what cannot be given back comes back by itself. */
  async release(): Promise<void> {
    const { sqs, queueUrl } = this.#options;
    const handles = [...this.#held.values()];
    this.#held.clear();
    for (let from = 0; from < handles.length; from += BATCH) {
      const entries = handles.slice(from, from + BATCH).map((handle, at) => ({
        Id: String(at),
        ReceiptHandle: handle,
        VisibilityTimeout: 0,
      }));
      const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries: entries });
      // Nothing depends on it, and an error here would hide the one that led here.
      await sqs.send(command).catch(() => undefined);
    }
  }
}

function decodeDead({ MessageId = "", Body = "", ReceiptHandle = "", ...rest }: Message): DeadMessage {
  const attribute = (name: string) => rest.MessageAttributes?.[name]?.StringValue ?? null;
  const code = attribute("code");
  const { message, fault } = decodeBody(Body);
  return {
    messageId: MessageId,
    body: Body,
    message,
    fault,
    reason: code === null ? null : { code, text: attribute("reason") ?? code },
    sentAtMs: Number(rest.Attributes?.SentTimestamp ?? 0),
    receiptHandle: ReceiptHandle,
  };
}

function decodeBody(body: string): Pick<DeadMessage, "message" | "fault"> {
  try {
    return { message: decodeQueueMessage(body), fault: null };
  } catch (error) {
    if (!isLzeroError(error)) throw error;
    return { message: null, fault: { code: error.code, text: error.message } };
  }
}

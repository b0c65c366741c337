/**
 * Amazon SQS as it promises to be: at least once, in any order. One queue and its dead-letter queue behind the few
 * commands that the consumer's client sends.
 */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { CountEvent } from "./coverage.ts";
import type { FaultRates } from "./faults.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";
import type { Actor, Timeline } from "./timeline.ts";

export const QUEUE_URL = "https://queue.simulated/documents";
export const DEAD_LETTER_QUEUE_URL = "https://queue.simulated/dead";

interface QueuedCopy {
  readonly messageId: string;
  readonly body: string;
  visibleAtMs: number;
  receives: number;
  receipt: string;
}

interface ReceivedMessage {
  readonly MessageId: string;
  readonly Body: string;
  readonly ReceiptHandle: string;
  readonly Attributes: { readonly ApproximateReceiveCount: string };
}

export interface QueueOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly network: Network;
  readonly rates: () => FaultRates;
  readonly count: CountEvent;
  /** A variant: messages are gone as soon as they were received. */
  readonly deleteOnReceive?: boolean;
}

export class SimulatedQueue {
  readonly #options: QueueOptions;
  readonly #copies: QueuedCopy[] = [];
  /** Bodies in the dead-letter queue. */
  readonly dead: string[] = [];
  /** Wakes the long polls that wait. */
  readonly #polls: (() => void)[] = [];
  #nextId = 1;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** Messages that are not deleted, whether visible or not. */
  get size(): number {
    return this.#copies.length;
  }

  /** Sends a message. @throws NetworkError when the outcome is unknown */
  send(actor: Actor, body: string): Promise<void> {
    return this.#options.network.call(actor, "SQS send", () => this.#add(body));
  }

  /** The client that a consumer is given. */
  client(actor: Actor): SQSClient {
    const send = async (command: unknown) => this.#answer(actor, command);
    return { send } as unknown as SQSClient;
  }

  async #answer(actor: Actor, command: unknown): Promise<unknown> {
    const { network } = this.#options;
    if (command instanceof ReceiveMessageCommand) {
      const { WaitTimeSeconds = 0, VisibilityTimeout = 30, MaxNumberOfMessages = 1 } = command.input;
      await this.#waitForMessages(actor, WaitTimeSeconds * 1000);
      const messages = await network.call(actor, "SQS receive", () =>
        this.#receive(MaxNumberOfMessages, VisibilityTimeout * 1000),
      );
      return messages.length === 0 ? {} : { Messages: messages };
    }
    if (command instanceof DeleteMessageBatchCommand) {
      const entries = command.input.Entries ?? [];
      return network.call(actor, `SQS delete ${entries.map(({ Id }) => Id).join(" ")}`, () => {
        for (const { ReceiptHandle } of entries) this.#delete(ReceiptHandle!);
        return {};
      });
    }
    if (command instanceof ChangeMessageVisibilityBatchCommand) {
      const entries = command.input.Entries ?? [];
      return network.call(actor, "SQS heartbeat", () => {
        for (const { ReceiptHandle, VisibilityTimeout = 0 } of entries) {
          const copy = this.#copies.find(({ receipt }) => receipt === ReceiptHandle);
          if (copy !== undefined) copy.visibleAtMs = this.#options.timeline.nowMs + VisibilityTimeout * 1000;
        }
        return {};
      });
    }
    if (command instanceof SendMessageCommand && command.input.QueueUrl === DEAD_LETTER_QUEUE_URL) {
      const { MessageBody = "" } = command.input;
      return network.call(actor, "SQS bury", () => {
        this.dead.push(MessageBody);
        this.#options.count("documentBuried");
        return {};
      });
    }
    throw new Error(`the simulated queue does not know ${String(command?.constructor?.name)}`);
  }

  /** A long poll: ends when a message is visible, whether it was sent meanwhile or came back. */
  async #waitForMessages(actor: Actor, waitMs: number): Promise<void> {
    const { timeline } = this.#options;
    const endMs = timeline.nowMs + waitMs;
    for (;;) {
      const nextAtMs = Math.min(endMs, ...this.#copies.map(({ visibleAtMs }) => visibleAtMs));
      if (nextAtMs <= timeline.nowMs) return;
      await new Promise<void>((resolve) => {
        const cancel = timeline.schedule(nextAtMs - timeline.nowMs, actor, resolve);
        this.#polls.push(() => {
          cancel();
          timeline.schedule(0, actor, resolve);
        });
      });
    }
  }

  #add(body: string): void {
    const { timeline, random, rates, count } = this.#options;
    const messageId = `m${this.#nextId++}`;
    const copies = random.chance(rates().duplicate) ? random.between(2, 5) : 1;
    if (copies > 1) count("duplicateMessage");
    for (let copy = 0; copy < copies; copy++) {
      const delayMs = copy === 0 ? 0 : random.between(0, 5 * 60_000);
      this.#copies.push({
        messageId,
        body,
        visibleAtMs: timeline.nowMs + delayMs,
        receives: 0,
        receipt: `${messageId}.${copy}.0`,
      });
    }
    for (const wake of this.#polls.splice(0)) wake();
  }

  #receive(most: number, visibilityMs: number): ReceivedMessage[] {
    const { timeline, random, rates, count, deleteOnReceive } = this.#options;
    const visible = this.#copies.filter(({ visibleAtMs }) => visibleAtMs <= timeline.nowMs);
    const taken: ReceivedMessage[] = [];
    const wanted = random.between(1, most);
    while (taken.length < wanted && visible.length > 0) {
      const [copy] = visible.splice(random.between(0, visible.length - 1), 1);
      const { messageId, body } = copy!;
      copy!.receives += 1;
      copy!.receipt = `${copy!.receipt.slice(0, copy!.receipt.lastIndexOf("."))}.${copy!.receives}`;
      const isLost = random.chance(rates().lostVisibility);
      copy!.visibleAtMs = timeline.nowMs + (isLost ? 0 : visibilityMs);
      if (isLost) count("lostVisibility");
      if (copy!.receives > 1) count("redelivery");
      taken.push({
        MessageId: messageId,
        Body: body,
        ReceiptHandle: copy!.receipt,
        Attributes: { ApproximateReceiveCount: String(copy!.receives) },
      });
      if (deleteOnReceive === true) this.#copies.splice(this.#copies.indexOf(copy!), 1);
    }
    return taken;
  }

  /** A receipt that is not the newest may delete nothing (AWS: DeleteMessage). */
  #delete(receipt: string): void {
    const at = this.#copies.findIndex((copy) => copy.receipt === receipt);
    if (at >= 0) this.#copies.splice(at, 1);
    else this.#options.count("lateReceipt");
  }
}

/** An SQS emulator on 127.0.0.1 with one queue and a dead-letter queue, and what tests ask of it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { createRequestHandler } from "local-aws-sqs";
import { encodeQueueMessage, type QueueMessage } from "../../shared/messages/queue-message.ts";

const ACCOUNT = "000000000000";

export class LocalQueue {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly #close: () => Promise<void>;

  private constructor(port: number, close: () => Promise<void>) {
    const endpoint = `http://127.0.0.1:${port}`;
    this.sqs = new SQSClient({
      region: "us-east-1",
      endpoint,
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    });
    this.queueUrl = `${endpoint}/${ACCOUNT}/documents`;
    this.deadLetterQueueUrl = `${endpoint}/${ACCOUNT}/dead`;
    this.#close = close;
  }

  static async start(): Promise<LocalQueue> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const { requestHandler } = createRequestHandler({
      port,
      hostname: "127.0.0.1",
      accountId: ACCOUNT,
      queues: [{ QueueName: "documents" }, { QueueName: "dead" }],
    });
    server.on("request", requestHandler);
    return new LocalQueue(port, async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
  }

  async stop(): Promise<void> {
    this.sqs.destroy();
    await this.#close();
  }

  async send(...messages: (QueueMessage | string)[]): Promise<void> {
    for (const message of messages) {
      const body = typeof message === "string" ? message : encodeQueueMessage(message);
      await this.sqs.send(new SendMessageCommand({ QueueUrl: this.queueUrl, MessageBody: body }));
    }
  }

  /** Takes messages as a consumer that dies at once does: they come again a second later. */
  async receiveAndForget(): Promise<void> {
    await this.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: this.queueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 1 }),
    );
    await new Promise((resolve) => setTimeout(resolve, 1200));
  }

  /** Takes everything out of the dead-letter queue. */
  async takeDead(): Promise<Message[]> {
    const taken: Message[] = [];
    for (;;) {
      const { Messages = [] } = await this.sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: this.deadLetterQueueUrl,
          MaxNumberOfMessages: 10,
          MessageAttributeNames: ["All"],
          WaitTimeSeconds: 0,
        }),
      );
      if (Messages.length === 0) return taken;
      taken.push(...Messages);
    }
  }

  /** Messages that are in the queue; the emulator counts those in somebody's hands too. */
  async count(): Promise<number> {
    const { Attributes } = await this.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: this.queueUrl,
        AttributeNames: ["ApproximateNumberOfMessages"],
      }),
    );
    return Number(Attributes?.ApproximateNumberOfMessages);
  }
}

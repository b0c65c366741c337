/** The local stack's SQS in this process, and what tests ask of it. */
import {
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import {
  DEAD_LETTER_QUEUE_NAME,
  QUEUE_NAME,
  queueUrl,
  startQueueServer,
} from "../../batch/dev/queue-process.ts";
import { encodeQueueMessage, type QueueMessage } from "../../shared/messages/queue-message.ts";

const REGION = "us-east-1";
const ACCESS_KEY_ID = "local";

export class LocalQueue {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly #close: () => Promise<void>;

  private constructor(port: number, close: () => Promise<void>) {
    this.sqs = new SQSClient({
      region: REGION,
      endpoint: `http://127.0.0.1:${port}`,
      credentials: { accessKeyId: ACCESS_KEY_ID, secretAccessKey: "local" },
    });
    this.queueUrl = queueUrl(port, QUEUE_NAME);
    this.deadLetterQueueUrl = queueUrl(port, DEAD_LETTER_QUEUE_NAME);
    this.#close = close;
  }

  static async start(): Promise<LocalQueue> {
    const { server, port } = await startQueueServer({ port: 0, region: REGION, accessKeyId: ACCESS_KEY_ID });
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

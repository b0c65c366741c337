/** How many messages are on the queue and on its dead-letter queue, asked when a scrape wants to know. */
import { GetQueueAttributesCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { ConsumerMetrics, GaugeSource } from "./consumer-metrics.ts";

const ATTRIBUTES = [
  ["visible", "ApproximateNumberOfMessages"],
  ["in_flight", "ApproximateNumberOfMessagesNotVisible"],
] as const;
/** SQS itself is about a minute behind, and every look is a request that is billed. */
const KEEP_MS = 10_000;

export interface QueueDepthOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly metrics: ConsumerMetrics;
  readonly now?: () => number;
}

export class QueueDepth implements GaugeSource {
  readonly #options: QueueDepthOptions;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: QueueDepthOptions) {
    this.#options = options;
  }

  /** @throws the SDK's error; the series are gone then, since an old number would look like a true one */
  async refresh(): Promise<void> {
    const { queueUrl, deadLetterQueueUrl, metrics, now = Date.now } = this.#options;
    if (now() - this.#askedAtMs < KEEP_MS) return;
    try {
      const [documents, dead] = await Promise.all([this.#ask(queueUrl), this.#ask(deadLetterQueueUrl)]);
      for (const [queue, attributes] of [
        ["documents", documents],
        ["dead", dead],
      ] as const) {
        for (const [state, name] of ATTRIBUTES)
          metrics.queueMessages.set({ queue, state }, Number(attributes?.[name] ?? 0));
      }
      this.#askedAtMs = now();
    } catch (error) {
      metrics.queueMessages.reset();
      throw error;
    }
  }

  async #ask(queueUrl: string): Promise<Partial<Record<string, string>> | undefined> {
    const command = new GetQueueAttributesCommand({
      QueueUrl: queueUrl,
      AttributeNames: ATTRIBUTES.map(([, name]) => name),
    });
    return (await this.#options.sqs.send(command)).Attributes;
  }
}

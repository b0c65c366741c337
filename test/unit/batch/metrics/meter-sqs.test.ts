import { ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newProgress } from "../../../../batch/consume/progress.ts";
import { ConsumerMetrics } from "../../../../batch/metrics/consumer-metrics.ts";
import { meterSqs } from "../../../../batch/metrics/meter-sqs.ts";
import { QueueDepth } from "../../../../batch/metrics/queue-depth.ts";
import { LocalQueue } from "../../../support/local-queue.ts";
import { readSamples } from "../../../support/prometheus.ts";

describe("what a consumer asks of SQS", () => {
  let queue: LocalQueue;
  let metrics: ConsumerMetrics;
  beforeEach(async () => {
    queue = await LocalQueue.start();
    metrics = new ConsumerMetrics(newProgress());
  });
  afterEach(() => queue.stop());

  it("is counted by action, in requests as they are billed", async () => {
    await queue.send("x".repeat(200_000));
    meterSqs(queue.sqs, metrics);
    await queue.send("small");
    await queue.sqs.send(new ReceiveMessageCommand({ QueueUrl: queue.queueUrl, MaxNumberOfMessages: 1 }));
    await expect(
      queue.sqs.send(new ReceiveMessageCommand({ QueueUrl: `${queue.queueUrl}-none` })),
    ).rejects.toThrow();
    const samples = readSamples(await metrics.render());
    expect(samples['lzero_sqs_requests_total{action="SendMessage"}']).toBe(1);
    expect(samples['lzero_sqs_requests_total{action="ReceiveMessage"}']).toBe(4 + 1);
    expect(samples['lzero_dollars_total{service="sqs"}']).toBeCloseTo(6 * 0.4e-6, 12);
  });

  it("includes the depth of both queues at a scrape, and no old numbers when they do not answer", async () => {
    const { sqs, queueUrl, deadLetterQueueUrl } = queue;
    let nowMs = 0;
    metrics.addSource(new QueueDepth({ sqs, queueUrl, deadLetterQueueUrl, metrics, now: () => nowMs }));
    await queue.send("a", "b");
    expect(readSamples(await metrics.render())).toMatchObject({
      'lzero_queue_messages{queue="documents",state="visible"}': 2,
      'lzero_queue_messages{queue="dead",state="visible"}': 0,
    });
    await queue.send("c");
    const depth = async () =>
      readSamples(await metrics.render())['lzero_queue_messages{queue="documents",state="visible"}'];
    expect(await depth()).toBe(2);
    nowMs += 10_000;
    expect(await depth()).toBe(3);
    nowMs += 10_000;
    sqs.destroy();
    await queue.stop();
    expect(await depth()).toBeUndefined();
    queue = await LocalQueue.start();
  });
});

/**
 * AWS on a bad day, rehearsed: throttled requests, 429 and expired credentials, from a server on loopback in front of
 * the emulator. Credentials come from the SDK's default chain, as in production.
 */
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type DlqPorts, runDlqReplay } from "../../../../batch/commands/dlq.ts";
import { runQueueInit } from "../../../../batch/commands/queue.ts";
import { QueueConsumer, type QueueConsumerOptions } from "../../../../batch/consume/consumer.ts";
import { Maintenance } from "../../../../batch/consume/maintenance.ts";
import { newProgress } from "../../../../batch/consume/progress.ts";
import { createLogger } from "../../../../batch/logging.ts";
import { Merger } from "../../../../batch/publish/merger.ts";
import { openQueues } from "../../../../batch/queue/queue-target.ts";
import { openSqs } from "../../../../batch/queue/sqs-client.ts";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { FakeEncoder, fakeBoundModel } from "../../../support/fake-encoder.ts";
import { DENIED, EXPIRED, FaultySqs, THROTTLED, TOO_MANY } from "../../../support/faulty-sqs.ts";
import { LocalCatalog } from "../../../support/local-catalog.ts";
import { readIndex } from "../../../support/read-index.ts";

const logger = createLogger({ level: process.env.LZERO_TEST_LOG ?? "silent", pretty: false });
const bound = fakeBoundModel();
const REGION = "us-east-1";

describe("AWS on a bad day", () => {
  let aws: FaultySqs;
  let catalog: LocalCatalog;
  let store: MemoryStore;
  beforeEach(async () => {
    aws = await FaultySqs.start();
    catalog = new LocalCatalog("demo");
    store = new MemoryStore();
    vi.stubEnv("AWS_ACCESS_KEY_ID", "local");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "local");
    vi.stubEnv("AWS_PROFILE", undefined);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await aws.stop();
  });

  const client = () => openSqs({ region: REGION, endpoint: aws.endpoint });

  function consume(options: Partial<QueueConsumerOptions> = {}): Promise<void> {
    const encoder = new FakeEncoder();
    return new QueueConsumer({
      sqs: client(),
      queueUrl: aws.queueUrl,
      deadLetterQueueUrl: aws.deadLetterQueueUrl,
      openCatalog: () => catalog,
      store,
      modelOf: () => ({ bound, encoder, isolated: encoder }),
      maintenance: new Maintenance({ merger: new Merger(), logger }),
      logger,
      progress: newProgress(),
      pollers: 2,
      limits: { maxAgeMs: 50 },
      waitTimeSeconds: 0,
      visibilityTimeoutSeconds: 2,
      backoff: { poller: { firstMs: 20, longestMs: 50 }, message: { firstMs: 1000, longestMs: 1000 } },
      refusalGraceMs: 200,
      drain: true,
      ...options,
    }).run();
  }

  async function send(count: number): Promise<string[]> {
    const messages = Array.from({ length: count }, (_, at) =>
      catalog.accept([{ id: `d${at}`, text: `text ${at}` }]),
    );
    await aws.queue.send(...messages);
    return messages.map(({ ingestId }) => ingestId);
  }

  /** Everything is indexed, once, and out of the queue. */
  async function expectAll(ingestIds: readonly string[]): Promise<void> {
    const found = await readIndex(store, catalog.catalog.manifest());
    expect(found.map(({ id }) => id)).toEqual(ingestIds.map((_, at) => `d${at}`).sort());
    for (const ingestId of ingestIds) expect(catalog.outcomes(ingestId)).toEqual(["indexed"]);
    expect(await aws.queue.count()).toBe(0);
    expect(await aws.queue.takeDead()).toEqual([]);
  }

  it.each([
    ["ThrottlingException", THROTTLED],
    ["status 429", TOO_MANY],
  ])(
    "%s on every other request: the SDK waits and asks again, and all is indexed once",
    async (_, refusal) => {
      const ingestIds = await send(4);
      let requests = 0;
      aws.refuse = () => (requests++ % 2 === 0 ? refusal : null);
      await consume({ pollers: 1, visibilityTimeoutSeconds: 30 });
      await expectAll(ingestIds);
    },
  );

  it("waits for times that grow and that are drawn by lot", async () => {
    const gapsOf = async (): Promise<number[]> => {
      aws.askedAtMs.length = 0;
      let refusals = 0;
      aws.refuse = () => (refusals++ < 2 ? TOO_MANY : null);
      await client().send(new SendMessageCommand({ QueueUrl: aws.queueUrl, MessageBody: "x" }));
      return aws.askedAtMs.slice(1).map((atMs, at) => atMs - aws.askedAtMs[at]!);
    };
    const [first, second] = [await gapsOf(), await gapsOf()];
    // Up to 1 and 2 s, and what this machine adds: the same times twice would be no lot.
    for (const gaps of [first, second]) {
      expect(gaps).toHaveLength(2);
      for (const [at, gap] of gaps.entries()) expect(gap).toBeLessThan(1000 * 2 ** at + 1500);
    }
    expect(first).not.toEqual(second);
  });

  it("ends with what to do when the credentials have expired; nothing is lost, and the next start goes on", async () => {
    const ingestIds = await send(4);
    aws.refuse = () => EXPIRED;
    const ended = consume({ drain: false });
    await expect(ended).rejects.toMatchObject({
      code: "aws_credentials_expired",
      message: expect.stringContaining("Renew them"),
    });
    expect(await aws.queue.count()).toBe(4);
    aws.refuse = () => null;
    await consume();
    await expectAll(ingestIds);
  });

  it("loses and doubles nothing when they expire between the commit and the deletion", async () => {
    const ingestIds = await send(3);
    let isExpired = false;
    aws.refuse = (action) => {
      isExpired ||= action.startsWith("Delete");
      return isExpired ? EXPIRED : null;
    };
    await expect(consume({ drain: false })).rejects.toMatchObject({ code: "aws_credentials_expired" });
    for (const ingestId of ingestIds) expect(catalog.outcomes(ingestId)).toEqual(["indexed"]);
    expect(await aws.queue.count()).toBe(3);
    aws.refuse = () => null;
    await vi.waitFor(
      async () => {
        await consume();
        expect(await aws.queue.count()).toBe(0);
      },
      { timeout: 8000, interval: 200 },
    );
    await expectAll(ingestIds);
  });

  it("goes on through a moment of refusal, as while credentials are renewed", async () => {
    const ingestIds = await send(3);
    let refusals = 0;
    aws.refuse = () => (refusals++ < 4 ? EXPIRED : null);
    await consume({ refusalGraceMs: 60_000 });
    await expectAll(ingestIds);
  });

  it("says what is wrong when the credentials may not, and when there is no queue", async () => {
    aws.refuse = () => DENIED;
    await expect(consume({ drain: false })).rejects.toMatchObject({ code: "aws_access_denied" });
    aws.refuse = () => ({ status: 400, type: "QueueDoesNotExist" });
    await expect(consume({ drain: false })).rejects.toMatchObject({ code: "queue_not_found" });
  });

  describe("the commands", () => {
    const ports = (): DlqPorts => ({
      openQueues: () =>
        openQueues(
          { state: "none" },
          {
            SQS_QUEUE_URL: aws.queueUrl,
            SQS_DLQ_URL: aws.deadLetterQueueUrl,
            SQS_ENDPOINT: aws.endpoint,
            AWS_REGION: REGION,
          },
        ),
      print: () => undefined,
      now: Date.now,
      waitSeconds: 0,
    });
    const replay = () => runDlqReplay([], { state: "none", all: true, limit: 1000, maxAgeDays: 26 }, ports());
    const plan = { maxReceiveCount: 4, retentionDays: 4, dlqRetentionDays: 14, visibilitySeconds: 120 };
    const init = () =>
      runQueueInit(
        { ...plan, name: "papers", region: REGION },
        { open: openSqs, print: () => undefined, environment: { SQS_ENDPOINT: aws.endpoint } },
      );

    it("ask again when they are throttled", async () => {
      let requests = 0;
      aws.refuse = () => (requests++ % 2 === 0 ? THROTTLED : null);
      expect(await init()).toBe(0);
      expect(aws.asked.filter((action) => action === "CreateQueue").length).toBeGreaterThanOrEqual(2);
    });

    it("end with what to do when the credentials have expired, and leave all where it was", async () => {
      catalog.nowMs = Date.now();
      const { sqs, deadLetterQueueUrl } = aws.queue;
      const body = JSON.stringify(catalog.accept([{ id: "a", text: "t" }]));
      await sqs.send(new SendMessageCommand({ QueueUrl: deadLetterQueueUrl, MessageBody: body }));
      aws.refuse = () => EXPIRED;
      await expect(init()).rejects.toMatchObject({ code: "aws_credentials_expired" });
      await expect(replay()).rejects.toMatchObject({ code: "aws_credentials_expired" });
      aws.refuse = (action) => (action === "SendMessage" ? EXPIRED : null);
      await expect(replay()).rejects.toMatchObject({ code: "aws_credentials_expired" });
      expect(await aws.queue.count()).toBe(0);
      expect(await aws.queue.takeDead()).toHaveLength(1);
    });

    it("say that there are no credentials when the chain finds none", async () => {
      for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) vi.stubEnv(name, undefined);
      vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
      vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
      vi.stubEnv("AWS_CONFIG_FILE", "/dev/null");
      await expect(init()).rejects.toMatchObject({
        code: "aws_credentials_missing",
        message: expect.stringContaining("AWS_PROFILE"),
      });
      expect(aws.asked).toEqual([]);
    });
  });
});

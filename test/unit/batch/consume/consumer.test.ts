/** The consumer against a queue emulator, the pure catalog, a store in memory and an encoder without a model. */
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Message } from "@aws-sdk/client-sqs";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { QueueConsumer, type QueueConsumerOptions } from "../../../../batch/consume/consumer.ts";
import { IsolatedEncoder } from "../../../../batch/consume/isolated-encoder.ts";
import { Maintenance } from "../../../../batch/consume/maintenance.ts";
import { newProgress } from "../../../../batch/consume/progress.ts";
import { createLogger } from "../../../../batch/logging.ts";
import { Merger } from "../../../../batch/publish/merger.ts";
import { Publisher } from "../../../../batch/publish/publisher.ts";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { LzeroError } from "../../../../shared/errors.ts";
import { decodeQueueMessage } from "../../../../shared/messages/queue-message.ts";
import { bundleScript } from "../../../support/bundle.ts";
import { expectVerified } from "../../../support/expect-verified.ts";
import { FakeEncoder, fakeBoundModel } from "../../../support/fake-encoder.ts";
import { LocalCatalog } from "../../../support/local-catalog.ts";
import { LocalQueue } from "../../../support/local-queue.ts";
import { readIndex } from "../../../support/read-index.ts";

const bound = fakeBoundModel();
const logger = createLogger({ level: process.env.LZERO_TEST_LOG ?? "silent", pretty: false });

describe("QueueConsumer", () => {
  let modulePath: string;
  let queue: LocalQueue;
  let catalog: LocalCatalog;
  let store: MemoryStore;
  let encoder: FakeEncoder;
  let isolated: IsolatedEncoder;
  beforeAll(async () => {
    modulePath = await bundleScript("encoder-child");
  });
  afterAll(() => rm(dirname(modulePath), { recursive: true }));
  beforeEach(async () => {
    queue = await LocalQueue.start();
    catalog = new LocalCatalog("demo");
    store = new MemoryStore();
    encoder = new FakeEncoder();
    isolated = new IsolatedEncoder({ modulePath, documentTimeoutMs: 2000 });
  });
  afterEach(async () => {
    await isolated.close();
    await queue.stop();
    await expectVerified(store, catalog.catalog.manifest());
  });

  function create(options: Partial<QueueConsumerOptions> = {}): QueueConsumer {
    return new QueueConsumer({
      sqs: queue.sqs,
      queueUrl: queue.queueUrl,
      deadLetterQueueUrl: queue.deadLetterQueueUrl,
      openCatalog: (index) => (index === "demo" ? catalog : new MissingCatalog(index)),
      store,
      modelOf: () => ({ bound, encoder, isolated }),
      maintenance: new Maintenance({ merger: new Merger(), logger }),
      logger,
      progress: newProgress(),
      pollers: 2,
      limits: { maxAgeMs: 100 },
      waitTimeSeconds: 0,
      drain: true,
      ...options,
    });
  }

  class MissingCatalog extends LocalCatalog {
    override async status(): Promise<never> {
      throw new LzeroError("index_not_found", `there is no index "${this.index}"`);
    }
  }

  const texts = (count: number, word: string) =>
    Array.from({ length: count }, (_, at) => ({ id: `${word}${at}`, text: `${word} number ${at}` }));
  const idsFound = async () => (await readIndex(store, catalog.catalog.manifest())).map(({ id }) => id);
  const attributesOf = (message: Message) =>
    Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue }]) => [name, StringValue]),
    );

  it("indexes every document of every message, deletes the messages and ends when drained", async () => {
    const messages = Array.from({ length: 25 }, (_, at) => catalog.accept(texts(8, `m${at}x`)));
    await queue.send(...messages);
    await create().run();
    expect(await idsFound()).toHaveLength(200);
    expect(await queue.count()).toBe(0);
    for (const { ingestId } of messages)
      expect(new Set(catalog.outcomes(ingestId))).toEqual(new Set(["indexed"]));
    expect(catalog.catalog.status().segments.length).toBeLessThanOrEqual(8);
    expect(await queue.takeDead()).toEqual([]);
  });

  it("indexes once what the queue delivers twice", async () => {
    const message = catalog.accept(texts(5, "a"));
    await queue.send(message, message, message);
    await create().run();
    expect(await idsFound()).toEqual(["a0", "a1", "a2", "a3", "a4"]);
    expect(catalog.outcomes(message.ingestId)).toEqual(new Array(5).fill("indexed"));
  });

  it("sends a document that cannot be encoded to the dead-letter queue alone, with its reason", async () => {
    const message = catalog.accept([...texts(2, "good"), { id: "bad", text: "POISON" }, ...texts(2, "more")]);
    await queue.send(message);
    await create().run();
    expect(await idsFound()).toEqual(["good0", "good1", "more0", "more1"]);
    const dead = await queue.takeDead();
    expect(dead).toHaveLength(1);
    expect(decodeQueueMessage(dead[0]!.Body!)).toEqual({ ...message, documents: [message.documents[2]] });
    expect(attributesOf(dead[0]!)).toMatchObject({
      code: "text_poisonous",
      reason: "the text is poison",
      index: "demo",
      ingestId: message.ingestId,
      position: "2",
      version: `${message.documents[2]!.version}`,
    });
    expect(catalog.outcomes(message.ingestId)).toEqual(["indexed", "indexed", "dead", "indexed", "indexed"]);
    expect(catalog.catalog.ingestStatus(message.ingestId).documents[2]).toMatchObject({
      code: "text_poisonous",
    });
    expect(await queue.count()).toBe(0);
  });

  it("encodes what came again in another process, and finds there the document that kills", async () => {
    const killer = catalog.accept([...texts(3, "a"), { id: "killer", text: "EXIT" }, ...texts(3, "b")]);
    const bystander = catalog.accept(texts(4, "c"));
    await queue.send(killer, bystander);
    await queue.receiveAndForget();
    await create().run();
    expect(encoder.calls).toEqual([]);
    expect(await idsFound()).toEqual(["a0", "a1", "a2", "b0", "b1", "b2", "c0", "c1", "c2", "c3"]);
    const dead = await queue.takeDead();
    expect(dead.map((message) => decodeQueueMessage(message.Body!).documents.map(({ id }) => id))).toEqual([
      ["killer"],
    ]);
    expect(attributesOf(dead[0]!)).toMatchObject({ code: "encoder_crashed" });
    expect(new Set(catalog.outcomes(bystander.ingestId))).toEqual(new Set(["indexed"]));
    expect(await queue.count()).toBe(0);
  });

  it("goes on apart when the encoder's worker dies of a document", async () => {
    const message = catalog.accept([...texts(3, "a"), { id: "killer", text: "CRASH" }]);
    await queue.send(message);
    await create().run();
    expect(await idsFound()).toEqual(["a0", "a1", "a2"]);
    expect(catalog.outcomes(message.ingestId)).toEqual(["indexed", "indexed", "indexed", "dead"]);
  });

  it.each([
    ["no JSON", "{", "message_invalid"],
    ["another shape", '{"formatVersion":1,"documents":[]}', "message_invalid"],
    ["a newer format", '{"formatVersion":3}', "message_version_newer"],
  ])("sends a message of %s to the dead-letter queue as it came", async (_, body, code) => {
    const good = catalog.accept(texts(1, "good"));
    await queue.send(body, good);
    await create().run();
    const dead = await queue.takeDead();
    expect(dead.map(({ Body }) => Body)).toEqual([body]);
    expect(attributesOf(dead[0]!)).toMatchObject({ code });
    expect(await idsFound()).toEqual(["good0"]);
    expect(await queue.count()).toBe(0);
  });

  it("sends a message of an unknown index to the dead-letter queue", async () => {
    const message = catalog.accept(texts(1, "a"), "unknown");
    await queue.send(message);
    await create().run();
    const dead = await queue.takeDead();
    expect(decodeQueueMessage(dead[0]!.Body!)).toEqual(message);
    expect(attributesOf(dead[0]!)).toMatchObject({ code: "index_not_found" });
  });

  it("carries the condition of a write to the commit, and into the dead-letter queue", async () => {
    const first = catalog.accept([{ id: "a", text: "first" }]);
    await queue.send(first);
    await create().run();
    const { version } = first.documents[0]!;
    const second = catalog.accept([
      { id: "a", text: "second", ifVersion: version },
      { id: "b", text: "POISON", ifVersion: null },
    ]);
    const third = catalog.accept([{ id: "a", text: "third", ifVersion: version }]);
    await queue.send({ ...second, formatVersion: 2 });
    await create().run();
    await queue.send({ ...third, formatVersion: 2 });
    await create().run();
    expect(catalog.outcomes(second.ingestId)).toEqual(["indexed", "dead"]);
    expect(catalog.catalog.ingestStatus(third.ingestId).documents[0]).toMatchObject({
      outcome: "failed",
      code: "version_conflict",
    });
    const [found] = await readIndex(store, catalog.catalog.manifest());
    expect(found).toMatchObject({ id: "a", text: "second" });
    const [dead] = await queue.takeDead();
    expect(decodeQueueMessage(dead!.Body!)).toMatchObject({
      formatVersion: 2,
      documents: [{ ifVersion: null }],
    });
  });

  it("deletes no message whose documents were not committed", async () => {
    await queue.send(catalog.accept(texts(3, "a")));
    catalog.fail("commit", "before");
    await create({ backoff: { message: { firstMs: 60_000, longestMs: 60_000 } } }).run();
    expect(await idsFound()).toEqual([]);
    expect(await queue.count()).toBe(1);
  });

  it("handles a failed message again after a short wait, however long its visibility is", async () => {
    await queue.send(catalog.accept(texts(3, "a")));
    catalog.fail("commit", "before");
    const startedAtMs = Date.now();
    await runUntil(
      create({
        drain: false,
        visibilityTimeoutSeconds: 600,
        waitTimeSeconds: 1,
        backoff: { message: { firstMs: 1000, longestMs: 1000 } },
      }),
      async () => (await queue.count()) === 0,
    );
    expect(Date.now() - startedAtMs).toBeLessThan(6000);
    expect(await idsFound()).toEqual(["a0", "a1", "a2"]);
  });

  it("receives ever more slowly while the catalog does not answer, and takes few messages meanwhile", async () => {
    await queue.send(...Array.from({ length: 40 }, (_, at) => catalog.accept(texts(1, `m${at}x`))));
    const progress = newProgress();
    let asked = 0;
    const silent = new (class extends LocalCatalog {
      override async status(): Promise<never> {
        asked += 1;
        throw new LzeroError("catalog_unavailable", "it does not answer");
      }
    })("demo");
    const consumer = create({
      drain: false,
      waitTimeSeconds: 1,
      pollers: 1,
      openCatalog: () => silent,
      backoff: { poller: { firstMs: 100, longestMs: 60_000 } },
      progress,
    });
    const running = consumer.run();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const startedAtMs = Date.now();
    await consumer.stop();
    await running;
    expect(Date.now() - startedAtMs).toBeLessThan(500);
    // 100 + 200 + 400 + 800 ms, half of each at least.
    expect(asked).toBeGreaterThan(1);
    expect(asked).toBeLessThanOrEqual(6);
  });

  it("logs where the documents of a segment came from, with their traces", async () => {
    const lines: Record<string, unknown>[] = [];
    const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const message = catalog.accept(texts(2, "a"));
    const other = catalog.accept([{ id: "bad", text: "POISON" }]);
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
    await queue.send({ ...message, traceparent }, { ...other, traceparent });
    await create({ logger: log }).run();
    expect(lines.find(({ msg }) => msg === "segment committed")).toMatchObject({
      index: "demo",
      ingestIds: expect.arrayContaining([message.ingestId]),
      messageIds: expect.arrayContaining([expect.stringMatching(/^[0-9a-f-]{36}$/)]),
      traceIds: [traceId],
      encodeSeconds: expect.any(Number),
      publishSeconds: expect.any(Number),
    });
    expect(lines.find(({ msg }) => msg === "document sent to the dead-letter queue")).toMatchObject({
      ingestId: other.ingestId,
      traceId,
    });
  });

  it("says how it is: waiting, with messages in hand, stopping, without an encoder", async () => {
    encoder = new FakeEncoder(200);
    // Without long polls: the emulator would give the next message to one that nobody waits for any more.
    const consumer = create({ drain: false });
    const running = consumer.run();
    expect(consumer.health).toEqual({ isHealthy: true, reason: "waiting for messages" });
    await queue.send(catalog.accept(texts(1, "a")));
    await until(() => encoder.calls.length > 0);
    expect(consumer.health).toEqual({ isHealthy: true, reason: "messages in hand" });
    const stopping = consumer.stop();
    expect(consumer.health).toEqual({ isHealthy: false, reason: "stopping" });
    await Promise.all([stopping, running]);

    await queue.send(catalog.accept([{ id: "slow", text: "HANG" }]));
    const stuck = create({ drain: false, encodeTimeoutMs: 100 });
    await expect(stuck.run()).rejects.toMatchObject({ code: "encoder_stuck" });
    expect(stuck.health).toEqual({ isHealthy: false, reason: "encoder_stuck" });
  });

  it("tells how long each stage of a batch took", async () => {
    encoder = new FakeEncoder(150);
    await queue.send(catalog.accept(texts(2, "a")));
    const timed: [string, number][] = [];
    await create({ onTimed: (stage, seconds) => timed.push([stage, seconds]) }).run();
    expect(timed.map(([stage]) => stage)).toEqual(["encode", "publish"]);
    expect(timed[0]![1]).toBeGreaterThan(0.14);
  });

  it("indexes at the next delivery what could not be committed at the first", async () => {
    await queue.send(catalog.accept(texts(3, "a")));
    catalog.fail("commit", "before");
    await runUntil(
      create({ drain: false, visibilityTimeoutSeconds: 2, waitTimeSeconds: 1 }),
      async () => (await queue.count()) === 0,
    );
    expect(await idsFound()).toEqual(["a0", "a1", "a2"]);
  });

  it("buries a document again when its burial was not recorded", async () => {
    const message = catalog.accept([{ id: "bad", text: "POISON" }]);
    await queue.send(message);
    catalog.fail("settle", "before");
    await runUntil(
      create({ drain: false, visibilityTimeoutSeconds: 2, waitTimeSeconds: 1 }),
      async () => (await queue.count()) === 0,
    );
    expect(catalog.outcomes(message.ingestId)).toEqual(["dead"]);
    expect(await queue.takeDead()).toHaveLength(2);
  });

  it("leaves messages of an index that is bound to another model", async () => {
    await queue.send(catalog.accept(texts(1, "a")));
    await create().run();
    await queue.send(catalog.accept(texts(1, "b")));
    const other = { ...bound, binding: { ...bound.binding, fingerprint: "f".repeat(32) } };
    await create({ modelOf: () => ({ bound: other, encoder, isolated }) }).run();
    expect(await idsFound()).toEqual(["a0"]);
    expect(await queue.count()).toBe(1);
    expect(await queue.takeDead()).toEqual([]);
  });

  it("finishes the batch in its hands when it is stopped", async () => {
    const messages = [catalog.accept(texts(3, "a")), catalog.accept(texts(3, "b"))];
    await queue.send(...messages);
    encoder = new FakeEncoder(300);
    const consumer = create({ drain: false, waitTimeSeconds: 3 });
    const running = consumer.run();
    await until(() => encoder.calls.length > 0);
    const startedAtMs = Date.now();
    await consumer.stop();
    await running;
    expect(Date.now() - startedAtMs).toBeLessThan(3000);
    expect(await idsFound()).toHaveLength(6);
    expect(await queue.count()).toBe(0);
  });

  it("stops at once while it waits for messages, and flushes what waits for company", async () => {
    await queue.send(catalog.accept(texts(1, "a")));
    const progress = newProgress();
    const consumer = create({ drain: false, waitTimeSeconds: 3, limits: { maxAgeMs: 60_000 }, progress });
    const running = consumer.run();
    await until(() => progress.received > 0);
    expect(await idsFound()).toEqual([]);
    const startedAtMs = Date.now();
    await consumer.stop();
    await running;
    expect(Date.now() - startedAtMs).toBeLessThan(2000);
    expect(await idsFound()).toEqual(["a0"]);
    expect(await queue.count()).toBe(0);
  });

  it("leaves what it cannot finish in time to come again", async () => {
    await queue.send(catalog.accept([{ id: "slow", text: "HANG" }]));
    const consumer = create({ drain: false, stopTimeoutMs: 200, waitTimeSeconds: 1 });
    const running = consumer.run();
    await until(() => encoder.calls.length > 0);
    await consumer.stop();
    await running;
    expect(await queue.count()).toBe(1);
  });

  it("ends with an error when the encoder is stuck, and leaves the messages", async () => {
    await queue.send(catalog.accept([{ id: "slow", text: "HANG" }]));
    await expect(
      create({ drain: false, encodeTimeoutMs: 200, waitTimeSeconds: 1 }).run(),
    ).rejects.toMatchObject({
      code: "encoder_stuck",
    });
    expect(await queue.count()).toBe(1);
  });

  it("encodes the next batch while one publishes", async () => {
    await queue.send(...Array.from({ length: 40 }, (_, at) => catalog.accept(texts(2, `m${at}x`))));
    let publishing = false;
    let overlapped = false;
    const publisher = new Publisher({
      onStep: async (step) => {
        publishing = step !== "committed";
        if (step === "staged") await new Promise((resolve) => setTimeout(resolve, 300));
      },
    });
    const watching = {
      encode: (list: readonly string[]) => {
        overlapped ||= publishing;
        return encoder.encode(list);
      },
      close: async () => {},
    };
    await create({
      publisher,
      modelOf: () => ({ bound, encoder: watching, isolated }),
      limits: { maxDocuments: 20 },
    }).run();
    expect(await idsFound()).toHaveLength(80);
    expect(overlapped).toBe(true);
  });

  it("keeps messages in hand alive by heartbeats longer than their visibility", async () => {
    await queue.send(catalog.accept(texts(2, "a")));
    encoder = new FakeEncoder(3500);
    await create({ visibilityTimeoutSeconds: 2 }).run();
    expect(encoder.calls).toEqual([2]);
    expect(await idsFound()).toEqual(["a0", "a1"]);
    expect(await queue.count()).toBe(0);
  });
});

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function runUntil(consumer: QueueConsumer, condition: () => Promise<boolean>): Promise<void> {
  const running = consumer.run();
  await until(condition);
  await consumer.stop();
  await running;
}

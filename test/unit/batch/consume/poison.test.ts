/** Two documents of ten thousand are poison: one that the encoder refuses, one that its process does not survive. */
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { QueueConsumer } from "../../../../batch/consume/consumer.ts";
import { IsolatedEncoder } from "../../../../batch/consume/isolated-encoder.ts";
import { Maintenance } from "../../../../batch/consume/maintenance.ts";
import { newProgress } from "../../../../batch/consume/progress.ts";
import { createLogger } from "../../../../batch/logging.ts";
import { Merger } from "../../../../batch/publish/merger.ts";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { LzeroError } from "../../../../shared/errors.ts";
import { decodeQueueMessage } from "../../../../shared/messages/queue-message.ts";
import { bundleScript } from "../../../support/bundle.ts";
import { FakeEncoder, fakeBoundModel } from "../../../support/fake-encoder.ts";
import { LocalCatalog } from "../../../support/local-catalog.ts";
import { LocalQueue } from "../../../support/local-queue.ts";
import { readIndex } from "../../../support/read-index.ts";

const DOCUMENTS = 10_000;
const PER_MESSAGE = 500;
const THROWS_AT = 3333;
const KILLS_AT = 7777;

/** What this process would not survive ends only the encoder's worker, as a model that crashes in a thread does. */
class SurvivingEncoder extends FakeEncoder {
  override async encode(texts: readonly string[]): ReturnType<FakeEncoder["encode"]> {
    if (texts.some((text) => text.includes("EXIT")))
      throw new LzeroError("encoder_crashed", "the worker died");
    return await super.encode(texts);
  }
}

let queue: LocalQueue;
let isolated: IsolatedEncoder;
let modulePath: string;
beforeAll(async () => {
  modulePath = await bundleScript("encoder-child");
  queue = await LocalQueue.start();
  isolated = new IsolatedEncoder({ modulePath });
});
afterAll(async () => {
  await isolated.close();
  await queue.stop();
  await rm(dirname(modulePath), { recursive: true });
});

it("sends both to the dead-letter queue alone and indexes the other 9,998", async () => {
  const catalog = new LocalCatalog("demo");
  const store = new MemoryStore();
  const encoder = new SurvivingEncoder();
  const logger = createLogger({ level: "silent", pretty: false });
  const textOf = (at: number) =>
    at === THROWS_AT ? "POISON" : at === KILLS_AT ? "EXIT" : `text ${at % 100}`;
  const documents = Array.from({ length: DOCUMENTS }, (_, at) => ({ id: `d${at}`, text: textOf(at) }));
  for (let start = 0; start < DOCUMENTS; start += PER_MESSAGE)
    await queue.send(catalog.accept(documents.slice(start, start + PER_MESSAGE)));
  await new QueueConsumer({
    sqs: queue.sqs,
    queueUrl: queue.queueUrl,
    deadLetterQueueUrl: queue.deadLetterQueueUrl,
    openCatalog: () => catalog,
    store,
    modelOf: () => ({ bound: fakeBoundModel(), encoder, isolated }),
    maintenance: new Maintenance({ merger: new Merger(), logger }),
    logger,
    progress: newProgress(),
    limits: { maxDocuments: 2000, maxAgeMs: 100 },
    waitTimeSeconds: 0,
    drain: true,
  }).run();

  const dead = (await queue.takeDead()).map(({ Body, MessageAttributes }) => ({
    ids: decodeQueueMessage(Body!).documents.map(({ id }) => id),
    code: MessageAttributes?.code?.StringValue,
  }));
  expect(dead).toHaveLength(2);
  expect(dead).toContainEqual({ ids: [`d${THROWS_AT}`], code: "text_poisonous" });
  expect(dead).toContainEqual({ ids: [`d${KILLS_AT}`], code: "encoder_crashed" });
  const found = await readIndex(store, catalog.catalog.manifest());
  const healthy = documents.filter((_, at) => at !== THROWS_AT && at !== KILLS_AT);
  expect(found.map(({ id, text }) => `${id} ${text}`)).toEqual(
    healthy.map(({ id, text }) => `${id} ${text}`).sort(),
  );
  expect(catalog.catalog.status()).toMatchObject({ pending: 0, documents: DOCUMENTS - 2 });
  expect(await queue.count()).toBe(0);
}, 60_000);

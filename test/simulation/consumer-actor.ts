/**
 * A batch job: the real queue consumer with its publisher, merger, query tables and collector, and an operator's
 * process that only merges and collects. Both start with empty memory after every crash.
 */
import { pino } from "pino";
import { QueueConsumer } from "../../batch/consume/consumer.ts";
import { Maintenance } from "../../batch/consume/maintenance.ts";
import { newProgress } from "../../batch/consume/progress.ts";
import { collectGarbage } from "../../batch/publish/collector.ts";
import { refreshIdf } from "../../batch/publish/idf-refresher.ts";
import { DEFAULT_MERGE_POLICY } from "../../batch/publish/merge-policy.ts";
import { Merger } from "../../batch/publish/merger.ts";
import type { IndexTarget } from "../../batch/publish/publish-target.ts";
import { Publisher } from "../../batch/publish/publisher.ts";
import { LzeroError } from "../../shared/errors.ts";
import { batchPort } from "./catalog-ports.ts";
import { changeIdf, changePin, rollBack } from "./history-tasks.ts";
import { encodeText } from "./model.ts";
import { DEAD_LETTER_QUEUE_URL, QUEUE_URL } from "./simulated-queue.ts";
import type { Actor } from "./timeline.ts";
import type { World } from "./world.ts";

const LOGGER = pino({ level: "silent" });
/** The simulation's: with few documents an index would never have enough segments for the product's rule. */
const MAX_LIVE_SEGMENTS = 3;
export const COLLECT_GRACE_MS = 90_000;

export function startConsumer(world: World, actor: Actor): void {
  const { random } = world;
  const model = {
    bound: world.model,
    encoder: encoderOf(world, actor, true),
    isolated: encoderOf(world, actor, false),
  };
  const newSegmentId = () => random.hex(32);
  const consumer = new QueueConsumer({
    sqs: world.queue.client(actor),
    queueUrl: QUEUE_URL,
    deadLetterQueueUrl: DEAD_LETTER_QUEUE_URL,
    openCatalog: () => batchPort(actor, world.ports),
    store: world.kv.store(actor),
    modelOf: () => model,
    publisher: new Publisher({ newSegmentId }),
    maintenance: new Maintenance({
      merger: makeMerger(world, actor),
      logger: LOGGER,
      collector: { graceMs: COLLECT_GRACE_MS },
    }),
    logger: LOGGER,
    progress: newProgress(),
    pollers: 2,
    limits: { maxDocuments: random.pick([4, 20]), maxAgeMs: 3000 },
    visibilityTimeoutSeconds: 30,
    waitTimeSeconds: 10,
  });
  consumer.run().catch((error: unknown) => world.crash(actor, `consumer ended: ${String(error)}`));
}

export function targetOf(world: World, actor: Actor): IndexTarget {
  return { index: world.index, catalog: batchPort(actor, world.ports), store: world.kv.store(actor) };
}

/** Merges and collects now and then, beside the consumers that do it too. */
export async function startOperator(world: World, actor: Actor): Promise<void> {
  const target = targetOf(world, actor);
  const merger = makeMerger(world, actor);
  for (;;) {
    await world.timeline.sleep(actor, world.random.between(1000, 40_000));
    const tasks = [
      () => merger.mergeOnce(target),
      () => refreshIdf(target, world.model),
      () => collectGarbage(target, { graceMs: COLLECT_GRACE_MS }),
      () => collectGarbage(target, { graceMs: COLLECT_GRACE_MS }),
      () => changeIdf(world, actor),
      () => rollBack(world, actor),
      () => changePin(world, actor),
    ];
    await ignoreTyped(world, world.random.pick(tasks)());
  }
}

/** Errors of ours end a task and nothing else; any other is a finding. */
export async function ignoreTyped(world: World, task: Promise<unknown>): Promise<void> {
  try {
    await task;
  } catch (error) {
    if (error instanceof LzeroError) return;
    world.fail("typed errors", `a task threw ${error instanceof Error ? error.stack : String(error)}`);
  }
}

function makeMerger({ random, timeline }: World, actor: Actor): Merger {
  return new Merger({
    policy: { ...DEFAULT_MERGE_POLICY, maxLive: MAX_LIVE_SEGMENTS },
    newSegmentId: () => random.hex(32),
    clusterFromDocuments: 20,
    sleep: (ms) => timeline.sleep(actor, ms),
  });
}

function encoderOf(world: World, actor: Actor, canCrash: boolean) {
  return {
    encode: async (texts: readonly string[]) => {
      await world.timeline.sleep(actor, world.random.between(10, 400) * texts.length);
      if (canCrash && world.random.chance(world.rates().encoderCrash)) {
        world.coverage.count("encoderCrash");
        const isSick = world.random.chance(0.3);
        throw isSick
          ? new Error("the encoder is gone")
          : new LzeroError("encoder_crashed", "the worker died");
      }
      return texts.map(encodeText);
    },
    close: async () => undefined,
  };
}

/**
 * The real processes die after every step and at any moment, and nothing may be lost, doubled or left over. Queue,
 * edge and consumer are those of `npm start`; SIGKILL is what ends them. LZERO_CRASH_SEED repeats random moments.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readWordNet } from "../../batch/corpus/wordnet.ts";
import { DEFAULT_MODEL, resolveModelFolder } from "../../batch/encoders/open-encoder.ts";
import { decodeQueueMessage } from "../../shared/messages/queue-message.ts";
import { expectNoOrphans, giveUpStaged, SentDocuments, type SentText } from "../support/crash-check.ts";
import { CrashMatrix } from "../support/crash-matrix.ts";
import { CrashStack, FLUSH_DOCUMENTS } from "../support/crash-stack.ts";
import { buildIfStale, listDescendants } from "../support/local-stack.ts";

const TIMEOUT_MS = 300_000;
const seed = Number(process.env.LZERO_CRASH_SEED ?? Math.floor(Math.random() * 1e9));
const isLong = process.env.LZERO_CRASH_LONG === "1";

/** A stack, what is tested on it in turn, and what came of that. Mostly one waits, so three stacks cost little more. */
class Lane {
  readonly matrix = new CrashMatrix();
  #stack: CrashStack | null = null;

  get stack(): CrashStack {
    if (this.#stack === null) throw new Error("the stack does not run");
    return this.#stack;
  }

  useStack(): void {
    beforeAll(async () => {
      this.#stack = await CrashStack.start();
    });
    afterEach(({ task }) => {
      if (task.result?.state === "fail") console.error(this.#stack?.describeLogs(30));
    });
    afterAll(() => this.#stack?.end());
  }

  async createIndex(index: string, encoder: "onnx" | "bm25"): Promise<SentDocuments> {
    await this.stack.client.createIndex(index, { encoder, encodedFields: ["text"] });
    return new SentDocuments(this.stack, index);
  }
}

const lanes = [new Lane(), new Lane(), new Lane()] as const;
/** Documents that no test has sent yet. */
let fresh: SentText[];

beforeAll(async () => {
  buildIfStale();
  fresh = (await readWordNet()).map(({ id, text }) => ({ id: id!, text }));
});
afterAll(() => CrashMatrix.publish(lanes.map(({ matrix }) => matrix)));

const describeWhole = (sent: SentDocuments): string => `${sent.count} documents, each once; verified`;

describe.concurrent("a consumer that dies after a step", () => {
  const lane = lanes[0];
  lane.useStack();
  const WRITES = ["staged", "pages", "located:0", "committed"];
  const STEPS = [
    ...["tables", "weighed"].map((step) => `weigh.${step}`),
    // The second time: a segment of the same process was committed before.
    ...["tables", "encoded", ...WRITES].map((step) => `publish.${step}@2`),
    // What died until here is its garbage.
    "collect.pages-deleted",
    ...["merge-read", "merged", ...WRITES].map((step) => `merge.${step}`),
    "collect.collected",
  ];
  /** Each request becomes a segment, since two are more than a batch takes. */
  const PER_REQUEST = FLUSH_DOCUMENTS / 2 + 1;
  /** Ten more segments bring about a merge whatever there was. */
  const requestsFor = (step: string): number => (step.startsWith("merge.") ? 10 : 3);
  let sent: SentDocuments;
  beforeAll(async () => {
    sent = await lane.createIndex("steps", "bm25");
  });

  it.sequential.each(STEPS)(
    "leaves every document there once: %s",
    async (step) => {
      const { stack, matrix } = lane;
      await matrix.record("consumer", step, async () => {
        if (step.startsWith("collect.")) {
          // It finds something only once the leases of what died before are over, and looks first after a start.
          await stack.restartConsumer();
          expect(await giveUpStaged(stack, "steps")).toBeGreaterThan(0);
        }
        const seen = stack.endings.length;
        stack.dieAt(step);
        const documents = fresh.splice(0, requestsFor(step) * PER_REQUEST - 1);
        await sent.send([...documents, { id: "rewritten", text: `as sent before ${step}` }], PER_REQUEST);
        await stack.waitFor(`the death at ${step}`, () => stack.endings.length > seen);
        await sent.expectWhole();
        expect(stack.endings.slice(seen)).toEqual([{ name: "consumer", reason: "signal SIGKILL" }]);
        return describeWhole(sent);
      });
    },
    TIMEOUT_MS,
  );

  it.sequential("leaves no page that nobody needs", async () => {
    const { stack, matrix } = lane;
    await matrix.record("consumer", "all of these, then a collection", async () => {
      await stack.restartConsumer();
      const { pages, deleted } = await expectNoOrphans(stack, "steps");
      await sent.expectWhole();
      return `no orphan page; ${deleted} pages deleted, ${pages} of them left by the last crashes`;
    });
  });
});

describe.concurrent("a consumer that dies at random moments", () => {
  const lane = lanes[1];
  lane.useStack();

  /**
   * Kills the consumer ten times, each time with `perKill` new documents on their way. A moment is counted in documents
   * first, so that a slow machine's kills do not all meet a consumer that has only started.
   */
  async function killAtRandomMoments(index: string, perKill: number): Promise<void> {
    const { stack, matrix } = lane;
    const random = makeRandom(seed);
    await matrix.record(
      "consumer",
      `ten random moments, ${10 * perKill} documents, seed ${seed}`,
      async () => {
        const sent = await lane.createIndex(index, "onnx");
        const read = async () => (await stack.client.status(index))!;
        const pending: number[] = [];
        for (let kill = 0; kill < 10; kill++) {
          const { documents } = await read();
          const sending = sent.send(fresh.splice(0, perKill), perKill / 10);
          const wanted = documents + Math.floor(random() * 0.6 * perKill);
          await stack.waitFor(`${wanted} documents`, async () => (await read()).documents >= wanted);
          await sleep(random() * 100);
          pending.push((await read()).pending);
          await Promise.all([sending, stack.kill("consumer")]);
          await stack.waitUntilConsuming();
        }
        await sent.expectWhole();
        // Otherwise the moments were no test.
        expect(pending.filter((count) => count > 0).length).toBeGreaterThanOrEqual(5);
        await stack.restartConsumer();
        const { pages } = await expectNoOrphans(stack, index);
        return `${describeWhole(sent)}; pending at the kills: ${pending.join(", ")}; ${pages} left pages collected`;
      },
    );
  }

  it.sequential(
    `ten times leaves every document there once (seed ${seed})`,
    () => killAtRandomMoments("moments", 100),
    TIMEOUT_MS,
  );

  it.skipIf(!isLong)(
    "the same with 20,000 documents (LZERO_CRASH_LONG=1, minutes)",
    { concurrent: false, timeout: 4 * TIMEOUT_MS },
    () => killAtRandomMoments("many-moments", 2000),
  );
});

describe.concurrent("what dies while documents arrive", () => {
  const lane = lanes[2];
  lane.useStack();

  it.sequential(
    `an edge keeps its catalog and loses nothing that it has accepted (seed ${seed})`,
    async () => {
      const { stack, matrix } = lane;
      const random = makeRandom(seed + 1);
      const sent = await lane.createIndex("edges", "bm25");
      // Only Linux tells which of a process's descendants the runtime is.
      const victims =
        process.platform === "linux" ? ["edge", "workerd", "edge", "workerd"] : ["edge", "edge"];
      for (const victim of victims) {
        await matrix.record(victim, "while documents arrive", async () => {
          const seen = stack.endings.length;
          const sending = sent.send(fresh.splice(0, 100), 5);
          await sleep(random() * 500);
          const before = (await stack.client.status("edges"))!;
          const edge = stack.pidOf("edge")!;
          await Promise.all([sending, stack.kill("edge", victim === "edge" ? edge : findRuntime(edge))]);
          const after = (await stack.client.status("edges"))!;
          expect(after.generation).toBeGreaterThanOrEqual(before.generation);
          expect(after.documents).toBeGreaterThanOrEqual(before.documents);
          expect(after.settings).toEqual(before.settings);
          await sent.expectWhole();
          // The consumer waits for the edge instead of dying with it.
          expect(stack.endings.slice(seen).map(({ name }) => name)).toEqual(["edge"]);
          return `${describeWhole(sent)}; generation ${before.generation} with ${before.pending} pending before`;
        });
      }
      await stack.restartConsumer();
      await expectNoOrphans(stack, "edges");
    },
    TIMEOUT_MS,
  );

  it.sequential(
    "documents that break the encoder go to the dead-letter queue alone, each with its reason",
    async () => {
      const THROWS = "arsenic";
      const KILLS = "zebra";
      const beside = isLong ? 9998 : 58;
      const { stack, matrix } = lane;
      await matrix.record(
        "consumer",
        `1 document kills the encoder, 1 fails, ${beside} beside them`,
        async () => {
          const sent = await lane.createIndex("poison", "onnx");
          const preload = fileURLToPath(new URL("../support/crash-onnx.cjs", import.meta.url));
          await stack.restartConsumer({
            NODE_OPTIONS: `--require ${JSON.stringify(preload)}`,
            CRASH_TEST_THROWS_AT: String(vocabularyId(THROWS)),
            CRASH_TEST_DIES_AT: String(vocabularyId(KILLS)),
          });
          const documents = fresh
            .splice(0, beside + 100)
            .filter(({ text }) => !new RegExp(`${THROWS}|${KILLS}`, "i").test(text))
            .slice(0, beside);
          // Both in one message, among others.
          documents.splice(12, 0, { id: "throws", text: `a cup of ${THROWS}` });
          documents.splice(17, 0, { id: "kills", text: `a striped ${KILLS}` });
          for (const id of ["throws", "kills"]) sent.dead.add(id);
          const seen = stack.endings.length;
          await sent.send(documents, isLong ? 100 : 10);
          await sent.expectWhole();
          // Once: what came again was encoded in a process of its own.
          expect(stack.endings.slice(seen)).toEqual([{ name: "consumer", reason: "signal SIGKILL" }]);

          const dead = (await stack.takeDead()).map(({ Body, MessageAttributes }) => ({
            documents: decodeQueueMessage(Body!).documents.map(({ id }) => id),
            code: MessageAttributes?.code?.StringValue,
            reason: MessageAttributes?.reason?.StringValue,
          }));
          expect(dead).toHaveLength(2);
          expect(dead).toContainEqual({
            documents: ["throws"],
            code: "encoder_batch_failed",
            reason: expect.stringContaining("this text cannot be computed"),
          });
          expect(dead).toContainEqual({
            documents: ["kills"],
            code: "encoder_crashed",
            reason: expect.stringContaining("SIGKILL"),
          });
          await stack.restartConsumer();
          await expectNoOrphans(stack, "poison");
          return `these two in the dead-letter queue with their reasons, ${beside} indexed; verified`;
        },
      );
    },
    TIMEOUT_MS,
  );
});

/** The workerd below an edge process. */
function findRuntime(edge: number): number {
  const isRuntime = (pid: number): boolean => readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "workerd";
  const found = listDescendants(edge).find(isRuntime);
  if (found === undefined) throw new Error(`process ${edge} has no workerd`);
  return found;
}

function vocabularyId(token: string): number {
  const tokens = readFileSync(join(resolveModelFolder(DEFAULT_MODEL), "vocab.txt"), "utf8").split("\n");
  const id = tokens.indexOf(token);
  if (id < 0) throw new Error(`${token} is no token of ${DEFAULT_MODEL}`);
  return id;
}

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
function makeRandom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

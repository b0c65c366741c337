/**
 * The real processes die after every step and at any moment, and nothing may be lost, doubled or left over. Queue,
 * edge and consumer are those of `npm start`; SIGKILL is what ends them. LZERO_CRASH_SEED repeats random moments.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CRASH_VARIABLE } from "../../batch/consume/crash-point.ts";
import { readWordNet } from "../../batch/corpus/wordnet.ts";
import { DEFAULT_MODEL, resolveModelFolder } from "../../batch/encoders/open-encoder.ts";
import { decodeQueueMessage } from "../../shared/messages/queue-message.ts";
import { expectNoOrphans, giveUpStaged, SentDocuments, type SentText } from "../support/crash-check.ts";
import { CrashMatrix } from "../support/crash-matrix.ts";
import { CrashStack } from "../support/crash-stack.ts";
import { buildIfStale, listDescendants } from "../support/local-stack.ts";

const TIMEOUT_MS = 300_000;
const seed = Number(process.env.LZERO_CRASH_SEED ?? Math.floor(Math.random() * 1e9));

const matrix = new CrashMatrix();
let stack: CrashStack;
/** Documents that no test has sent yet. */
let fresh: SentText[];

beforeAll(async () => {
  buildIfStale();
  fresh = (await readWordNet()).map(({ id, text }) => ({ id: id!, text }));
  stack = await CrashStack.start();
});
afterEach(({ task }) => {
  if (task.result?.state === "fail") console.error(stack.describeLogs(30));
});
afterAll(async () => {
  matrix.publish();
  await stack?.end();
});

async function createIndex(index: string, encoder: "onnx" | "bm25"): Promise<SentDocuments> {
  await stack.client.createIndex(index, { encoder, encodedFields: ["text"] });
  return new SentDocuments(stack, index);
}

const describeWhole = (sent: SentDocuments): string => `${sent.count} documents, each once; verified`;

describe("a consumer that dies after a step", () => {
  const WRITES = ["staged", "pages", "located:0", "committed"];
  const STEPS = [
    // The second time: a segment of the same process was committed before.
    ...["tables", "encoded", ...WRITES].map((step) => `publish.${step}@2`),
    // What died until here is its garbage.
    "collect.pages-deleted",
    ...["tables", "weighed"].map((step) => `weigh.${step}`),
    ...["merge-read", "merged", ...WRITES].map((step) => `merge.${step}`),
    "collect.collected",
  ];
  /** Each request becomes a segment, since two are more than a batch takes; ten of them bring about a merge. */
  const REQUESTS = 10;
  const PER_REQUEST = 12;
  let sent: SentDocuments;
  beforeAll(async () => {
    sent = await createIndex("steps", "bm25");
  });

  it.each(STEPS)(
    "leaves every document there once: %s",
    async (step) => {
      await matrix.record("consumer", step, async () => {
        await stack.restartConsumer({ [CRASH_VARIABLE]: step });
        // A collection finds something only once the leases of what died before are over.
        if (step.startsWith("collect.")) expect(await giveUpStaged(stack, "steps")).toBeGreaterThan(0);
        const seen = stack.endings.length;
        const documents = fresh.splice(0, REQUESTS * PER_REQUEST - 1);
        await sent.send([...documents, { id: "rewritten", text: `as sent before ${step}` }], PER_REQUEST);
        await stack.waitFor(`the death at ${step}`, () => stack.endings.length > seen);
        await sent.expectWhole();
        expect(stack.endings.slice(seen)).toEqual([{ name: "consumer", reason: "signal SIGKILL" }]);
        return describeWhole(sent);
      });
    },
    TIMEOUT_MS,
  );

  it("leaves no page that nobody needs", async () => {
    await matrix.record("consumer", "all of these, then a collection", async () => {
      await stack.restartConsumer({});
      const { pages, deleted } = await expectNoOrphans(stack, "steps");
      await sent.expectWhole();
      return `no orphan page; ${deleted} pages deleted, ${pages} of them left by the last crashes`;
    });
  });
});

describe("a consumer that dies at any moment", () => {
  it(
    `leaves every document there once (seed ${seed})`,
    async () => {
      const random = makeRandom(seed);
      await matrix.record("consumer", `ten random moments, seed ${seed}`, async () => {
        const sent = await createIndex("moments", "onnx");
        const pending: number[] = [];
        for (let kill = 0; kill < 10; kill++) {
          await sent.send(fresh.splice(0, 50), 50);
          const sending = sent.send(fresh.splice(0, 350), 50);
          await sleep(random() * 2000);
          pending.push((await stack.client.status("moments"))!.pending);
          await Promise.all([sending, stack.kill("consumer")]);
          await stack.waitUntilConsuming();
        }
        await sent.expectWhole();
        // Otherwise the moments were no test.
        expect(pending.filter((count) => count > 0).length).toBeGreaterThanOrEqual(5);
        await stack.restartConsumer({});
        const { pages } = await expectNoOrphans(stack, "moments");
        return `${describeWhole(sent)}; pending at the kills: ${pending.join(", ")}; ${pages} left pages collected`;
      });
    },
    TIMEOUT_MS,
  );
});

describe("an edge that dies at any moment", () => {
  it(
    `keeps its catalog and loses nothing that it has accepted (seed ${seed})`,
    async () => {
      const random = makeRandom(seed + 1);
      const sent = await createIndex("edges", "onnx");
      // Only Linux tells which of a process's descendants the runtime is.
      const victims =
        process.platform === "linux" ? ["edge", "workerd", "edge", "workerd"] : ["edge", "edge"];
      for (const victim of victims) {
        await matrix.record(victim, "while documents arrive", async () => {
          const seen = stack.endings.length;
          const sending = sent.send(fresh.splice(0, 400), 50);
          await sleep(random() * 1500);
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
      await stack.restartConsumer({});
      await expectNoOrphans(stack, "edges");
    },
    TIMEOUT_MS,
  );
});

describe("documents that break the encoder", () => {
  const THROWS = "arsenic";
  const KILLS = "zebra";

  it(
    "go to the dead-letter queue alone, each with its reason, and take no other along",
    async () => {
      await matrix.record("consumer", "1 document kills the encoder, 1 fails, 298 beside them", async () => {
        const sent = await createIndex("poison", "onnx");
        const preload = fileURLToPath(new URL("../support/crash-onnx.cjs", import.meta.url));
        const faults = {
          NODE_OPTIONS: `--require ${JSON.stringify(preload)}`,
          CRASH_TEST_THROWS_AT: String(vocabularyId(THROWS)),
          CRASH_TEST_DIES_AT: String(vocabularyId(KILLS)),
        };
        await stack.restartConsumer({}, faults);
        const documents = fresh
          .splice(0, 400)
          .filter(({ text }) => !new RegExp(`${THROWS}|${KILLS}`, "i").test(text))
          .slice(0, 298);
        // Both in one message, among others.
        documents.splice(40, 0, { id: "throws", text: `a cup of ${THROWS}` });
        documents.splice(47, 0, { id: "kills", text: `a striped ${KILLS}` });
        for (const id of ["throws", "kills"]) sent.dead.add(id);
        const seen = stack.endings.length;
        await sent.send(documents, 30);
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
        await stack.restartConsumer({});
        await expectNoOrphans(stack, "poison");
        return "these two in the dead-letter queue with their reasons, 298 indexed; verified";
      });
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

/** The commands about generations against the pure catalog, a store in memory and a queue emulator. */
import { ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runGenerations, runPin } from "../../../../batch/commands/generations.ts";
import type { HistoryPorts } from "../../../../batch/commands/history-ports.ts";
import { type RollbackOptions, runReplay, runRollback } from "../../../../batch/commands/rollback.ts";
import { requireConfirm } from "../../../../batch/operate/terminal.ts";
import { Publisher } from "../../../../batch/publish/publisher.ts";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { documentKey } from "../../../../shared/catalog/document-key.ts";
import { decodeQueueMessage, type QueueMessage } from "../../../../shared/messages/queue-message.ts";
import { encodeFake, fakeBoundModel } from "../../../support/fake-encoder.ts";
import { LocalCatalog } from "../../../support/local-catalog.ts";
import { LocalQueue } from "../../../support/local-queue.ts";
import { readIndex } from "../../../support/read-index.ts";

const model = fakeBoundModel();
const OPTIONS = { index: "demo", state: "none" };

describe("commands about generations", () => {
  let catalog: LocalCatalog;
  let store: MemoryStore;
  let queue: LocalQueue;
  let printed: string[];
  let questions: string[];
  let answers: boolean[];
  /** Called when a question is asked. */
  let onQuestion: () => Promise<void> | void;
  let ports: HistoryPorts;
  beforeEach(async () => {
    catalog = new LocalCatalog("demo");
    store = new MemoryStore();
    queue = await LocalQueue.start();
    printed = [];
    questions = [];
    answers = [];
    onQuestion = () => undefined;
    ports = {
      openCatalog: async () => catalog,
      openStore: async () => store,
      // The queue goes on after the command has closed its client.
      openQueues: async () => ({
        sqs: Object.assign(Object.create(queue.sqs), { destroy: () => undefined }),
        queueUrl: queue.queueUrl,
        deadLetterQueueUrl: queue.deadLetterQueueUrl,
      }),
      print: (text) => printed.push(text),
      confirm: async (question) => {
        questions.push(question);
        await onQuestion();
        return answers.shift() ?? false;
      },
      now: () => catalog.nowMs,
    };
  });
  afterEach(() => queue.stop());

  async function index(message: QueueMessage): Promise<void> {
    const { ingestId, documents } = message;
    await new Publisher().publish(
      { index: "demo", catalog, store },
      model,
      documents.map(({ position, version, id, title, text, url, metadata }) => ({
        ingestId,
        position,
        version,
        id,
        fields: { title: title ?? null, text, url: url ?? null, metadata: metadata ?? null },
        vector: encodeFake(text),
      })),
    );
  }
  const add = (...documents: { id: string; text: string }[]) => index(catalog.accept(documents));
  const remove = (id: string) =>
    catalog.catalog.remove({ documents: [{ key: documentKey(id), version: null }] });
  const found = async () =>
    (await readIndex(store, catalog.catalog.manifest())).map(({ id, text }) => `${id}: ${text}`);

  /** Takes all messages out of the queue and indexes them. */
  async function drain(): Promise<QueueMessage[]> {
    const taken: QueueMessage[] = [];
    for (;;) {
      const { Messages = [] } = await queue.sqs.send(
        new ReceiveMessageCommand({ QueueUrl: queue.queueUrl, MaxNumberOfMessages: 10 }),
      );
      if (Messages.length === 0) return taken;
      for (const { Body } of Messages) taken.push(decodeQueueMessage(Body!));
      for (const message of taken.slice(-Messages.length)) await index(message);
    }
  }

  /** 1: a, b, c. 2: a again, d. 3: b deleted. */
  async function threeGenerations(): Promise<void> {
    await add({ id: "a", text: "first a" }, { id: "b", text: "first b" }, { id: "c", text: "first c" });
    await add({ id: "a", text: "second a" }, { id: "d", text: "only d" });
    remove("b");
  }

  const rollback = (options: Partial<RollbackOptions>) =>
    runRollback({ ...OPTIONS, to: 1, ...options }, ports);

  it("lists generations, newest first, with what made them", async () => {
    await threeGenerations();
    await runPin(1, true, OPTIONS, ports);
    catalog.nowMs += 5 * 60_000;
    await runGenerations(OPTIONS, ports);
    const lines = printed.join("\n").split("\n");
    expect(lines.slice(3, 7).map((line) => line.trim().replace(/ {2,}/g, " | "))).toEqual([
      expect.stringMatching(/^3 \| 5 min \| 2023-11-14 22:13:20 UTC \| 3 \| 2 \| [\d,]+ \| delete \| live$/),
      expect.stringMatching(/^2 \| 5 min .* \| 4 \| 2 \| [\d,]+ \| publish$/),
      expect.stringMatching(/^1 \| 5 min .* \| 3 \| 1 \| [\d,]+ \| publish \| pinned$/),
      expect.stringMatching(/^0 \| 5 min .* \| 0 \| 0 \| 0 \| index made$/),
    ]);
    expect(lines.at(-1)).toContain("kept for 60 minutes");
    printed.length = 0;
    await runGenerations({ ...OPTIONS, json: true }, ports);
    expect(JSON.parse(printed[0]!).generations).toHaveLength(4);
    await runPin(1, false, OPTIONS, ports);
    expect(printed.at(-1)).toBe("demo: generation 1 is not pinned; it is still kept, as a young one");
  });

  it("says what a rollback would hide, and does nothing", async () => {
    await threeGenerations();
    expect(await rollback({ dryRun: true })).toBe(0);
    expect(printed).toEqual([
      "Generation 3 is current. 2 acknowledged documents will be hidden: 1 at a newer version than the restored one, 1 without any.",
    ]);
    expect(catalog.catalog.status().generation).toBe(3);
  });

  it("asks, and changes nothing without a yes", async () => {
    await threeGenerations();
    answers = [false];
    expect(await rollback({})).toBe(1);
    expect(questions).toEqual(["Roll back to generation 1?"]);
    expect(printed.at(-1)).toBe("Nothing was changed.");
    expect(await found()).toEqual(["a: second a", "c: first c", "d: only d"]);
  });

  it("rolls back, says what it did, and replays what it hid at the versions that it had", async () => {
    await threeGenerations();
    answers = [true, true];
    expect(await rollback({})).toBe(0);
    expect(questions).toEqual(["Roll back to generation 1?", "Send them through the queue again?"]);
    expect(printed.slice(1)).toEqual([
      "Generation 4 restores generation 1.",
      "2 acknowledged documents are hidden: 1 at a newer version than the restored one, 1 without any.",
      "1 document of that generation was deleted since and stays deleted.",
      "`lzero rollback --to 3` takes it back while generation 3 is kept.",
      "2 documents of generation 3 went through the queue again.",
    ]);
    expect(await found()).toEqual(["a: first a", "c: first c"]);
    expect(catalog.catalog.generations().generations.some(({ pinned }) => pinned)).toBe(false);
    const [message] = await drain();
    expect(message!.documents.map(({ id, version }) => [id, version])).toEqual([
      ["a", 4],
      ["d", 5],
    ]);
    expect(await found()).toEqual(["a: second a", "c: first c", "d: only d"]);
  });

  it("overwrites nothing newer by a replay, and brings nothing back that was deleted", async () => {
    await threeGenerations();
    await rollback({ yes: true, replay: false });
    await add({ id: "a", text: "third a" });
    remove("d");
    await runReplay(3, OPTIONS, ports);
    await drain();
    expect(await found()).toEqual(["a: third a", "c: first c"]);
  });

  it("counts and asks again when the index changes while the person thinks", async () => {
    await threeGenerations();
    answers = [true, true, false];
    let changes = 0;
    onQuestion = async () => {
      if (changes++ === 0) await add({ id: "e", text: "new e" });
    };
    expect(await rollback({})).toBe(0);
    expect(printed).toContain("The index has changed meanwhile; counting again.");
    expect(printed).toContain(
      "Generation 4 is current. 3 acknowledged documents will be hidden: 1 at a newer version than the restored one, 2 without any.",
    );
    expect(printed.at(-1)).toBe("`lzero replay --index demo --of 4` sends them through the queue again.");
    expect(await found()).toEqual(["a: first a", "c: first c"]);
  });

  it("gives up on an index that never stands still, and does it at once with --yes", async () => {
    await threeGenerations();
    let changes = 0;
    answers = Array.from({ length: 9 }, () => true);
    onQuestion = () => add({ id: "e", text: `e ${changes++}` });
    await expect(rollback({})).rejects.toMatchObject({ code: "generation_conflict" });
    expect(await rollback({ yes: true })).toBe(0);
    expect(await found()).toEqual(["a: first a", "c: first c"]);
  });

  it("goes on after an answer was lost", async () => {
    await threeGenerations();
    catalog.fail("rollback", "after");
    await expect(rollback({ yes: true })).rejects.toMatchObject({ code: "catalog_unavailable" });
    printed.length = 0;
    expect(await rollback({ yes: true })).toBe(0);
    expect(printed[0]).toBe("Generation 4 restores generation 1.");
    expect(catalog.catalog.status().generation).toBe(4);
  });

  it("replays hundreds of documents of several segments, with all their fields", async () => {
    const many = (prefix: string) =>
      Array.from({ length: 450 }, (_, at) => ({
        id: `${prefix}${at}`,
        text: `${prefix} ${at}`,
        title: `title ${at}`,
        metadata: { at },
      }));
    await index(catalog.accept(many("a")));
    await index(catalog.accept(many("b")));
    const before = await readIndex(store, catalog.catalog.manifest());
    await rollback({ to: 0, yes: true, replay: true });
    expect(await found()).toEqual([]);
    const messages = await drain();
    expect(messages.flatMap(({ documents }) => documents)).toHaveLength(900);
    expect(new Set(messages.map(({ ingestId }) => ingestId)).size).toBe(2);
    expect(messages[0]!.documents[3]).toMatchObject({ title: "title 3", metadata: { at: 3 } });
    expect(await readIndex(store, catalog.catalog.manifest())).toEqual(before);
  });

  it("refuses what is collected or was never made", async () => {
    await threeGenerations();
    await expect(rollback({ to: 9, yes: true })).rejects.toMatchObject({ code: "generation_not_found" });
    catalog.nowMs += 2 * 60 * 60_000;
    await add({ id: "e", text: "e" });
    await expect(rollback({ to: 1, yes: true })).rejects.toMatchObject({ code: "generation_collected" });
    await expect(runReplay(1, OPTIONS, ports)).rejects.toMatchObject({ code: "generation_collected" });
  });
});

describe("requireConfirm", () => {
  it("does not ask with --yes, and refuses to go on when there is nobody to ask", () => {
    const confirm = async () => true;
    expect(requireConfirm(true, confirm)).toBeNull();
    expect(requireConfirm(false, confirm)).toBe(confirm);
    const error = expect.objectContaining({ code: "confirmation_needed" });
    expect(() => requireConfirm(false, null)).toThrow(error);
  });
});

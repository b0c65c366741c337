/** `lzero dlq` against the SQS emulator, with dead letters as the consumer writes them. */
import { ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type DlqListOptions,
  type DlqPorts,
  type DlqReplayOptions,
  runDlqList,
  runDlqReplay,
  runDlqShow,
} from "../../../../batch/commands/dlq.ts";
import { DeadLetters } from "../../../../batch/consume/dead-letters.ts";
import { createLogger } from "../../../../batch/logging.ts";
import { LzeroError } from "../../../../shared/errors.ts";
import {
  decodeQueueMessage,
  encodeQueueMessage,
  type QueueMessage,
} from "../../../../shared/messages/queue-message.ts";
import { LocalCatalog } from "../../../support/local-catalog.ts";
import { LocalQueue } from "../../../support/local-queue.ts";

const logger = createLogger({ level: "silent", pretty: false });
const DAY_MS = 24 * 60 * 60_000;

describe("lzero dlq", () => {
  let queue: LocalQueue;
  let catalog: LocalCatalog;
  let printed: string[];
  let ports: DlqPorts;
  beforeEach(async () => {
    queue = await LocalQueue.start();
    catalog = new LocalCatalog("papers");
    printed = [];
    ports = {
      // The emulator goes on after the command has closed its client.
      openQueues: async () => ({
        sqs: Object.assign(Object.create(queue.sqs), { destroy: () => undefined }),
        queueUrl: queue.queueUrl,
        deadLetterQueueUrl: queue.deadLetterQueueUrl,
      }),
      print: (text) => printed.push(text),
      now: () => Date.now(),
      waitSeconds: 0,
    };
    catalog.nowMs = Date.now();
  });
  afterEach(() => queue.stop());

  const list = (options: Partial<DlqListOptions> = {}) =>
    runDlqList({ state: "none", limit: 100, ...options }, ports);
  const replay = (ids: string[], options: Partial<DlqReplayOptions> = {}) =>
    runDlqReplay(ids, { state: "none", limit: 1_000_000, maxAgeDays: 26, ...options }, ports);
  const lettersOf = () => new DeadLetters(queue.sqs, queue.deadLetterQueueUrl, logger);

  /** Buries the first document of a message, as the consumer does. */
  async function bury(
    message: QueueMessage,
    code = "text_poisonous",
    reason = "the text is poison",
  ): Promise<void> {
    const [document] = message.documents;
    const error = new LzeroError(code, reason);
    const dead = [{ message, sourceMessageId: "source", document: document!, error }];
    await lettersOf().buryDocuments(catalog, dead);
  }

  /** What SQS itself moves has no attributes. */
  async function move(body: string): Promise<void> {
    await queue.sqs.send(new SendMessageCommand({ QueueUrl: queue.deadLetterQueueUrl, MessageBody: body }));
  }

  async function takeLive(): Promise<QueueMessage[]> {
    const taken: QueueMessage[] = [];
    for (;;) {
      const { Messages = [] } = await queue.sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: queue.queueUrl,
          MaxNumberOfMessages: 10,
          VisibilityTimeout: 600,
        }),
      );
      if (Messages.length === 0) return taken;
      taken.push(...Messages.map(({ Body }) => decodeQueueMessage(Body!)));
    }
  }

  const accept = (id: string, index = "papers") => catalog.accept([{ id, text: `text of ${id}` }], index);

  it("lists documents with index, version and reason, and leaves them where they are", async () => {
    await bury(accept("paper 1"));
    await move(
      encodeQueueMessage(
        catalog.accept([
          { id: "x", text: "t" },
          { id: "y", text: "t" },
        ]),
      ),
    );
    await lettersOf().buryMessage(
      "{",
      "source",
      new LzeroError("message_invalid", "the message is not JSON"),
    );
    for (const _ of [1, 2]) {
      printed.length = 0;
      await list();
      const rows = printed[0]!.split("\n").map((line) => line.replace(/ {2,}/g, " | "));
      expect(rows.slice(1).map((row) => row.split(" | ").slice(2))).toEqual([
        ["papers", "paper 1", "1", "text_poisonous", "the text is poison"].map(String),
        ["papers", "x", "2", "received_too_often", expect.stringContaining("SQS moved it")],
        ["papers", "y", "3", "received_too_often", expect.stringContaining("SQS moved it")],
        ["message_invalid", "the message is not JSON"],
      ]);
      expect(printed[1]).toBe("4 documents in 3 messages");
    }
  });

  it("filters, limits and prints JSON", async () => {
    await bury(accept("a"));
    await bury(accept("b", "other"), "encoder_crashed", "the encoder died");
    await bury(accept("c"), "encoder_crashed", "the encoder died");
    await list({ json: true, code: "encoder_crashed" });
    const rows = JSON.parse(printed[0]!);
    expect(rows.map(({ id, index }: { id: string; index: string }) => [id, index]).sort()).toEqual([
      ["b", "other"],
      ["c", "papers"],
    ]);
    expect(rows[0]).toMatchObject({ code: "encoder_crashed", reason: "the encoder died", position: 0 });
    printed.length = 0;
    await list({ index: "papers", limit: 1 });
    expect(printed[1]).toBe("1 document in 1 message; there are more (--limit)");
    printed.length = 0;
    await list({ index: "nothing" });
    expect(printed).toEqual(["The dead-letter queue has no such message."]);
  });

  it("shows one by its document or message id", async () => {
    const message = catalog.accept([{ id: "paper 1", text: "text of paper 1", ifVersion: null }]);
    await bury({ ...message, formatVersion: 2 });
    await bury(accept("paper 2"));
    await runDlqShow("paper 1", { state: "none" }, ports);
    expect(printed[0]).toContain("reason    the text is poison");
    expect(printed[0]).toContain(`ingest    ${message.ingestId}, accepted 2`);
    expect(printed[0]).toContain(
      "document  paper 1, version 1, only as a new document, position 0 of its ingest",
    );
    expect(printed[0]).toContain("text    text of paper 1");
    expect(printed[0]).not.toContain("paper 2");
    await runDlqShow("paper 2", { state: "none", json: true }, ports);
    const [shown] = JSON.parse(printed[1]!);
    expect(shown).toMatchObject({
      code: "text_poisonous",
      message: { documents: [{ id: "paper 2", version: 2 }] },
    });
    await runDlqShow(shown.messageId.slice(0, 8), { state: "none" }, ports);
    expect(printed[2]).toContain("paper 2");
    await expect(runDlqShow("paper 3", { state: "none" }, ports)).rejects.toMatchObject({
      code: "dead_letter_not_found",
    });
  });

  it("replays what is named, at its version, and takes it out", async () => {
    const first = accept("a");
    await bury(first);
    await bury(accept("b"));
    await replay(["a"]);
    expect(printed).toEqual(["1 document in 1 message went through the queue again."]);
    expect(await takeLive()).toEqual([first]);
    await list({ json: true });
    expect(JSON.parse(printed[1]!).map(({ id }: { id: string }) => id)).toEqual(["b"]);
  });

  it("replays all of an index or a reason, in a dry run nothing", async () => {
    for (const id of ["a", "b", "c"]) await bury(accept(id));
    await bury(accept("d", "other"));
    await replay([], { all: true, index: "papers", dryRun: true });
    expect(printed[0]).toBe("3 documents in 3 messages would go through the queue again.");
    expect(await takeLive()).toEqual([]);
    await replay([], { all: true, index: "papers", limit: 2 });
    expect(await takeLive()).toHaveLength(2);
    await replay([], { all: true, json: true });
    expect(JSON.parse(printed.at(-1)!)).toMatchObject({ dryRun: false, stayed: [], others: 0 });
    expect(await takeLive()).toHaveLength(2);
    expect(await queue.takeDead()).toEqual([]);
  });

  it("leaves what cannot be read and what is too old, unless it is told otherwise", async () => {
    await move("{");
    const old = accept("old");
    await bury({ ...old, acceptedAtMs: Date.now() - 27 * DAY_MS });
    await replay([], { all: true });
    expect(printed[0]).toBe("0 documents in 0 messages went through the queue again.");
    expect(printed.slice(1).sort()).toEqual([
      expect.stringMatching(/stays: it (was accepted so long ago|cannot be read)/),
      expect.stringMatching(/stays: it (was accepted so long ago|cannot be read)/),
    ]);
    await replay(["old"], { maxAgeDays: 28 });
    expect((await takeLive()).map(({ documents }) => documents[0]!.id)).toEqual(["old"]);
    await replay([], { all: true, force: true });
    expect(await queue.takeDead()).toEqual([]);
    expect(await queue.count()).toBeGreaterThan(0);
  });

  it("loses nothing when the queue refuses: what was not sent is still dead, and at once there again", async () => {
    for (const id of ["a", "b", "c"]) await bury(accept(id));
    const refused = Object.assign(new Error("no"), {
      name: "AccessDenied",
      $metadata: { httpStatusCode: 403 },
    });
    let sends = 0;
    const failing = async (command: unknown, ...rest: unknown[]) => {
      if (command instanceof SendMessageCommand && ++sends === 2) throw refused;
      return await (queue.sqs.send as (...all: unknown[]) => Promise<unknown>)(command, ...rest);
    };
    const { openQueues } = ports;
    ports = {
      ...ports,
      openQueues: async (options) => {
        const queues = await openQueues(options);
        return { ...queues, sqs: Object.assign(Object.create(queues.sqs), { send: failing }) };
      },
    };
    await expect(replay([], { all: true })).rejects.toMatchObject({ code: "aws_access_denied" });
    const live = await takeLive();
    const dead = await queue.takeDead();
    const idOf = (body: string) => decodeQueueMessage(body).documents[0]!.id;
    expect(live).toHaveLength(1);
    expect(
      [...live.map(({ documents }) => documents[0]!.id), ...dead.map(({ Body }) => idOf(Body!))].sort(),
    ).toEqual(["a", "b", "c"]);
  });

  it("sends nothing round and round that fails at once again", async () => {
    const message = accept("poison");
    await bury(message);
    await bury(accept("good"));
    const { openQueues } = ports;
    const failing = async (command: unknown, ...rest: unknown[]) => {
      const answer = await (queue.sqs.send as (...all: unknown[]) => Promise<unknown>)(command, ...rest);
      const isPoison = command instanceof SendMessageCommand && command.input.MessageBody!.includes("poison");
      // A consumer that is faster than the command.
      if (isPoison && command.input.QueueUrl === queue.queueUrl)
        await bury(message, "encoder_crashed", "again");
      return answer;
    };
    ports = {
      ...ports,
      openQueues: async (options) => {
        const queues = await openQueues(options);
        return { ...queues, sqs: Object.assign(Object.create(queues.sqs), { send: failing }) };
      },
    };
    await replay([], { all: true });
    expect(printed[0]).toBe("2 documents in 2 messages went through the queue again.");
    expect(printed[1]).toMatch(/ is here again: encoder_crashed, again$/);
    expect(await takeLive()).toHaveLength(2);
    expect(await queue.takeDead()).toHaveLength(1);
  });

  it("needs to be told what to replay", async () => {
    for (const [ids, options] of [
      [[], {}],
      [["a"], { all: true }],
    ] as const) {
      await expect(replay([...ids], options)).rejects.toMatchObject({ code: "dlq_invalid" });
    }
    await expect(replay(["nobody"])).rejects.toMatchObject({ code: "dead_letter_not_found" });
  });
});

/** The operator's commands, as a person types them, against the stack that `npm start` runs. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readKeys, type StackKeys } from "../../batch/dev/keys.ts";
import { readRunningQueues } from "../../batch/dev/lock.ts";
import { describeStateFolder } from "../../batch/dev/state-folder.ts";
import { expectStackVerified } from "../support/expect-verified.ts";
import { buildIfStale, CLI, LocalStack, listDescendants } from "../support/local-stack.ts";

const INDEX = "papers";
const POLL = { timeout: 60_000, interval: 100 };

let state: string;
let stack: LocalStack;
let url: string;
let keys: StackKeys;

beforeAll(async () => {
  buildIfStale();
  state = await mkdtemp(join(tmpdir(), "lzero-operate-"));
  stack = new LocalStack(state, ["--no-corpus"]);
  url = (await stack.waitFor(/Lzero is ready: (\S+)/))[1]!;
  keys = (await readKeys(describeStateFolder(state).keys))!;
});
afterAll(async () => {
  await stack?.end("SIGTERM");
  await rm(state, { recursive: true, force: true });
});

interface Ran {
  readonly code: number;
  /** All that it printed, errors at the end. */
  readonly out: string;
}

/** Runs a command in an environment without anybody's settings, against the stack of the state folder. */
function lzero(args: readonly string[], variables: Record<string, string> = {}): Promise<Ran> {
  const { PATH = "" } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { env: { PATH, ...variables } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out: stdout + stderr });
    });
  });
}

const onIndex = (...args: string[]) => lzero([...args, "--index", INDEX, "--state", state]);

async function call(method: string, path: string, body?: unknown): Promise<Response> {
  return await fetch(`${url}/v1/indexes/${INDEX}${path}`, {
    method,
    headers: { authorization: `Bearer ${keys.writeKey}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Sends documents and waits until they are indexed. @returns the generation that holds them */
async function write(...documents: { id: string; text: string }[]): Promise<number> {
  const { ingestId } = (await (await call("POST", "/documents", documents)).json()) as { ingestId: string };
  const status = async () =>
    (await (await call("GET", `/ingests/${ingestId}`)).json()) as { counts: object; generation: number };
  await expect.poll(status, POLL).toMatchObject({ counts: { indexed: documents.length } });
  return (await status()).generation;
}

async function textOf(id: string): Promise<string | null> {
  const response = await call("GET", `/documents/${id}`);
  return response.ok ? ((await response.json()) as { text: string }).text : null;
}

describe("the operator's commands", () => {
  it("go back and forward, keep, merge and collect, and leave a whole index", async () => {
    await call("PUT", "", { encoder: "bm25", encodedFields: ["text"] });
    const good = await write(
      { id: "a", text: "first a" },
      { id: "b", text: "first b" },
      { id: "c", text: "c" },
    );
    expect((await onIndex("pin", String(good))).out).toContain("is pinned");
    await write({ id: "a", text: "second a" }, { id: "d", text: "only d" });
    await call("DELETE", "/documents/b");

    const listed = await onIndex("generations");
    expect(listed.out).toMatch(new RegExp(`^ *${good} .* publish +pinned$`, "m"));
    expect(listed.out).toMatch(/ delete( +live)?$/m);
    expect(listed.out).toMatch(/ live$/m);

    expect(await onIndex("rollback", "--to", String(good))).toMatchObject({
      code: 1,
      out: expect.stringContaining("--yes"),
    });
    const dry = await onIndex("rollback", "--to", String(good), "--dry-run");
    expect(dry.out).toContain("2 acknowledged documents will be hidden");
    const back = await onIndex("rollback", "--to", String(good), "--yes", "--no-replay");
    expect(back.out).toContain("1 document of that generation was deleted since and stays deleted.");
    expect(await Promise.all(["a", "b", "d"].map(textOf))).toEqual(["first a", null, null]);

    const hidden = /take it back|`lzero rollback --to (\d+)`/.exec(back.out)![1]!;
    const replayed = await onIndex("replay", "--of", hidden);
    expect(replayed.out).toContain("2 documents of generation");
    await expect.poll(() => textOf("d"), POLL).toBe("only d");
    expect(await Promise.all(["a", "b"].map(textOf))).toEqual(["second a", null]);

    expect((await onIndex("merge", "--max-segments", "1")).out).toMatch(/became one of 3 documents/);
    const garbage = await onIndex("collect", "--dry-run", "--grace-minutes", "0");
    expect(garbage.out).toMatch(/ generation \d+$/m);
    expect((await onIndex("collect")).code).toBe(0);
    expect((await onIndex("unpin", String(good))).out).toContain("is not pinned");
    expect(await onIndex("rollback", "--to", "999", "--yes")).toMatchObject({
      code: 1,
      out: expect.stringContaining("was never made"),
    });
    await expect
      .poll(
        () =>
          expectStackVerified(state, [INDEX]).then(
            () => true,
            () => false,
          ),
        POLL,
      )
      .toBe(true);
  });

  it("make queues, and show and replay what could not be indexed", async () => {
    const queues = (await readRunningQueues(describeStateFolder(state).lock))!;
    const credentials = {
      AWS_ACCESS_KEY_ID: keys.awsAccessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.awsSecretAccessKey,
    };
    const variables = { ...credentials, AWS_REGION: queues.region, SQS_ENDPOINT: queues.endpoint };
    const made = await lzero(["queue", "init", "--name", "other"], variables);
    expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^SQS_QUEUE_URL=.*\/other$/m) });
    expect((await lzero(["queue", "init", "--name", "other"], variables)).out).toContain("as planned");

    const sqs = new SQSClient({
      region: queues.region,
      endpoint: queues.endpoint,
      credentials: { accessKeyId: keys.awsAccessKeyId, secretAccessKey: keys.awsSecretAccessKey },
    });
    await sqs.send(new SendMessageCommand({ QueueUrl: queues.queueUrl, MessageBody: "{" }));
    sqs.destroy();
    const list = async () => JSON.parse((await lzero(["dlq", "list", "--json", "--state", state])).out);
    await expect.poll(list, POLL).toMatchObject([{ code: "message_invalid" }]);
    const [{ messageId }] = await list();
    expect((await lzero(["dlq", "show", messageId.slice(0, 8), "--state", state])).out).toContain(
      "message_invalid",
    );
    const replay = (...args: string[]) => lzero(["dlq", "replay", "--all", ...args, "--state", state]);
    expect((await replay()).out).toContain("stays");
    expect((await replay("--force")).out).toContain("1 message went through the queue again");
    await expect.poll(list, POLL).toMatchObject([{ code: "message_invalid" }]);
  });

  it("let a consumer that is told to stop finish what it has in hand", async () => {
    const log = async () => await readFile(describeStateFolder(state).log("consumer"), "utf8");
    const consumerPid = async () => {
      const lines = (await log()).split("\n").filter((line) => line.includes('"msg":"consuming"'));
      return (JSON.parse(lines.at(-1)!) as { pid: number }).pid;
    };
    const pid = await consumerPid();
    expect(listDescendants(stack.process.pid!)).toContain(pid);
    const documents = Array.from({ length: 400 }, (_, at) => ({ id: `n${at}`, text: `number ${at}` }));
    const writing = write(...documents);
    process.kill(pid, "SIGTERM");
    await expect.poll(log, POLL).toMatch(new RegExp(`"pid":${pid},.*"stopped"`));
    await writing;
    expect(await log()).not.toContain("stopped with messages in hand");
    // Another one goes on.
    await expect.poll(consumerPid, POLL).not.toBe(pid);
    await write({ id: "after", text: "after the restart" });
    expect(await Promise.all(["n0", "n399", "after"].map(textOf))).toEqual([
      "number 0",
      "number 399",
      "after the restart",
    ]);
  });
});

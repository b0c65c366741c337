/**
 * The real stack for crash tests: queue, edge and consumer as the processes that `npm start` runs, on a state folder of
 * their own, supervised by this process so that it knows who is who and can say with what a consumer starts next.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { HttpCatalog } from "../../batch/catalog-http.ts";
import { CRASH_VARIABLE } from "../../batch/consume/crash-point.ts";
import { IngestClient } from "../../batch/corpus/ingest-client.ts";
import { loadOrCreateKeys, type StackKeys } from "../../batch/dev/keys.ts";
import { closeServer, listenOnLoopback } from "../../batch/dev/loopback.ts";
import { type ChildName, Stack } from "../../batch/dev/stack.ts";
import { openStateFolder, type StateFolder } from "../../batch/dev/state-folder.ts";
import type { IndexTarget } from "../../batch/publish/publish-target.ts";
import { KvRestStore } from "../../batch/storage/kv-rest-store.ts";
import { CLI } from "./local-stack.ts";

/** Messages of a dead consumer come again this soon; its heartbeats go out every second. */
const VISIBILITY_SECONDS = 2;
/** Most documents of a batch: small, so that a hundred of them are many segments and some merges. */
export const FLUSH_DOCUMENTS = 20;
const CONSUMER_ARGS = [
  ...["--visibility-seconds", String(VISIBILITY_SECONDS)],
  ...["--flush-seconds", "0.2", "--flush-documents", `${FLUSH_DOCUMENTS}`, "--threads", "1"],
];
const WAIT_MS = 120_000;
const POLL_MS = 50;

export interface Ending {
  readonly name: string;
  readonly reason: string;
}

export class CrashStack {
  readonly keys: StackKeys;
  readonly client: IngestClient;
  readonly sqs: SQSClient;
  readonly store: KvRestStore;
  /** Children that ended without being told to, in order. */
  readonly endings: Ending[];
  readonly #stack: Stack;
  readonly #folder: StateFolder;
  readonly #variables: { extra: Readonly<Record<string, string>> };

  private constructor(
    stack: Stack,
    folder: StateFolder,
    keys: StackKeys,
    endings: Ending[],
    variables: { extra: Readonly<Record<string, string>> },
  ) {
    this.#stack = stack;
    this.#folder = folder;
    this.#variables = variables;
    this.keys = keys;
    this.endings = endings;
    this.client = new IngestClient({ url: stack.url, writeKey: keys.writeKey });
    this.store = new KvRestStore({ ...stack.kv, apiToken: keys.apiToken });
    this.sqs = new SQSClient({
      region: "us-east-1",
      endpoint: stack.queues.endpoint,
      credentials: { accessKeyId: keys.awsAccessKeyId, secretAccessKey: keys.awsSecretAccessKey },
    });
  }

  static async start(): Promise<CrashStack> {
    // Children would inherit the test runner's flags, and with them its way to resolve modules.
    process.execArgv.splice(0);
    const folder = await openStateFolder(await mkdtemp(join(tmpdir(), "lzero-crash-")));
    const { keys } = await loadOrCreateKeys(folder.keys);
    const { server, port } = await listenOnLoopback(0, async () => undefined);
    await closeServer(server);
    const endings: Ending[] = [];
    const variables = { extra: {} };
    const stack = await Stack.start({
      folder,
      keys,
      port,
      script: CLI,
      onGroups: () => undefined,
      onRestart: (name, _, reason) => endings.push({ name, reason }),
      onGiveUp: (error) => endings.push({ name: "stack", reason: error.message }),
      restart: { firstRestartDelayMs: 50, maxRestartDelayMs: 50, maxCrashes: 1000 },
      consumerArgs: CONSUMER_ARGS,
      consumerEnvironment: () => ({
        [CRASH_VARIABLE]: `file:${crashFileOf(folder)}`,
        ...variables.extra,
      }),
    });
    return new CrashStack(stack, folder, keys, endings, variables);
  }

  async end(): Promise<void> {
    this.sqs.destroy();
    await this.#stack.kill();
    await rm(this.#folder.root, { recursive: true, force: true });
  }

  get kv(): Stack["kv"] {
    return this.#stack.kv;
  }

  targetOf(index: string): IndexTarget {
    const catalog = new HttpCatalog({ origin: this.#stack.url, publishKey: this.keys.publishKey, index });
    return { index, catalog, store: this.store };
  }

  pidOf(name: ChildName): number | null {
    return this.#stack.pidOf(name);
  }

  /** Lets the consumer that runs die at a step, once. */
  dieAt(step: string): void {
    const path = crashFileOf(this.#folder);
    writeFileSync(`${path}.new`, step);
    renameSync(`${path}.new`, path);
  }

  /** Kills the consumer and waits for the next one; it and later ones start with these variables. */
  async restartConsumer(extra: Record<string, string> = {}): Promise<void> {
    this.#variables.extra = extra;
    await this.kill("consumer");
    await this.waitUntilConsuming();
  }

  /** SIGKILL to a child, or to a process below it; waits until its supervisor has seen it. */
  async kill(name: ChildName, pid = this.pidOf(name)): Promise<void> {
    const seen = this.endings.length;
    if (pid === null) return;
    process.kill(pid, "SIGKILL");
    await this.waitFor(`the end of ${name}`, () =>
      this.endings.slice(seen).some((ending) => ending.name === name),
    );
  }

  /** Waits until the consumer that runs now takes messages. */
  async waitUntilConsuming(): Promise<void> {
    await this.waitFor("a consumer", () => {
      const pid = this.pidOf("consumer");
      return this.#consumerLog().some(
        (line) => line.includes(`"pid":${pid},`) && line.includes('"consuming"'),
      );
    });
  }

  /** Messages of the consumers' log, oldest first. */
  consumerMessages(text: string): string[] {
    return this.#consumerLog().filter((line) => line.includes(`"msg":"${text}`));
  }

  /** Messages that are on the queue, those in somebody's hands included. */
  async countQueued(): Promise<number> {
    const { Attributes } = await this.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: this.#stack.queues.queueUrl,
        AttributeNames: ["ApproximateNumberOfMessages"],
      }),
    );
    return Number(Attributes?.ApproximateNumberOfMessages);
  }

  /** All that is in the dead-letter queue. */
  async takeDead(): Promise<Message[]> {
    const taken: Message[] = [];
    for (;;) {
      const { Messages = [] } = await this.sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: this.#stack.queues.deadLetterQueueUrl,
          MaxNumberOfMessages: 10,
          MessageAttributeNames: ["All"],
          VisibilityTimeout: 600,
        }),
      );
      if (Messages.length === 0) return taken;
      taken.push(...Messages);
    }
  }

  /** Every key in KV with a prefix, by the REST API. */
  async listKeys(prefix: string): Promise<string[]> {
    const { baseUrl, accountId, namespaceId } = this.kv;
    const root = `${baseUrl}/accounts/${accountId}/storage/kv/namespaces/${namespaceId}/keys`;
    const keys: string[] = [];
    for (let cursor = ""; ; ) {
      const response = await fetch(`${root}?${new URLSearchParams({ prefix, cursor })}`, {
        headers: { authorization: `Bearer ${this.keys.apiToken}` },
      });
      if (!response.ok) throw new Error(`listing ${prefix}: status ${response.status}`);
      const page = (await response.json()) as {
        result: { name: string }[];
        result_info: { cursor: string };
      };
      keys.push(...page.result.map(({ name }) => name));
      cursor = page.result_info.cursor;
      if (cursor === "") return keys;
    }
  }

  /** @throws Error with the ends of the logs when it does not come true in time */
  async waitFor(
    what: string | (() => string),
    condition: () => boolean | Promise<boolean>,
    timeoutMs = WAIT_MS,
  ): Promise<void> {
    const deadlineMs = Date.now() + timeoutMs;
    while (!(await condition())) {
      if (Date.now() > deadlineMs) {
        const missing = typeof what === "string" ? what : what();
        throw new Error(`waited ${timeoutMs / 1000} s for ${missing}\n${this.describeLogs()}`);
      }
      await sleep(POLL_MS);
    }
  }

  describeLogs(lines = 15): string {
    const tails = ["consumer", "edge"].map((name) => {
      const text = existsSync(this.#folder.log(name)) ? readFileSync(this.#folder.log(name), "utf8") : "";
      const tail = text.trimEnd().split("\n").slice(-lines);
      return [`${name}:`, ...tail.map((line) => `  | ${line.slice(0, 600)}`)].join("\n");
    });
    return [...tails, `ended: ${JSON.stringify(this.endings.slice(-10))}`].join("\n");
  }

  #consumerLog(): string[] {
    return readFileSync(this.#folder.log("consumer"), "utf8").split("\n");
  }
}

const crashFileOf = (folder: StateFolder): string => join(folder.root, "crash-at");

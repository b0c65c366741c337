/**
 * The real stack with several consumers, each part of it behind a proxy that can misbehave: the Worker as the consumers
 * reach it (their catalog), KV's REST API, the queue, and the Worker as clients reach it. Everything is a process of its
 * own and on 127.0.0.1; what was started is ended by its process id.
 */
import { existsSync, readFileSync } from "node:fs";
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
import { IngestClient } from "../../batch/corpus/ingest-client.ts";
import { SupervisedChild } from "../../batch/dev/child.ts";
import { loadOrCreateKeys, type StackKeys } from "../../batch/dev/keys.ts";
import { closeServer, listenOnLoopback } from "../../batch/dev/loopback.ts";
import { Stack } from "../../batch/dev/stack.ts";
import { openStateFolder, type StateFolder } from "../../batch/dev/state-folder.ts";
import type { IndexTarget } from "../../batch/publish/publish-target.ts";
import { KvRestStore } from "../../batch/storage/kv-rest-store.ts";
import { RequestThrottle } from "../../batch/storage/request-throttle.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { CLI, listDescendants } from "./local-stack.ts";
import { readSamples } from "./prometheus.ts";

const REGION = "us-east-1";
const WAIT_MS = 60_000;
const POLL_MS = 50;
const CONSUMER_STOP_TIMEOUT_MS = 20_000;

export interface FaultStackOptions {
  readonly consumers: number;
  /** Options of `lzero consume`. */
  readonly consumerArgs: readonly string[];
  /** False: consumers and clients reach the servers themselves. @default true */
  readonly withProxies?: boolean;
  /** Flags of Node for every process of the stack. */
  readonly nodeFlags?: readonly string[];
  /** Variables of every consumer beyond those of the stack, asked for before each start. */
  readonly environment?: () => Readonly<Record<string, string>>;
}

export interface Ending {
  readonly name: string;
  readonly reason: string;
}

type ProxyName = "catalog" | "kv" | "queue" | "client";

export class FaultStack {
  readonly keys: StackKeys;
  /** As a client on another machine: through the proxy `client`. */
  readonly client: IngestClient;
  readonly sqs: SQSClient;
  /** KV without a proxy, for checks. */
  readonly store: KvRestStore;
  readonly endings: Ending[];
  readonly proxies: Readonly<Record<ProxyName, FaultProxy>>;
  readonly #stack: Stack;
  readonly #folder: StateFolder;
  readonly #more: SupervisedChild[] = [];

  private constructor(
    stack: Stack,
    folder: StateFolder,
    keys: StackKeys,
    proxies: Readonly<Record<ProxyName, FaultProxy>>,
    endings: Ending[],
    withProxies: boolean,
  ) {
    this.#stack = stack;
    this.#folder = folder;
    this.keys = keys;
    this.proxies = proxies;
    this.endings = endings;
    const url = withProxies ? proxies.client.origin : stack.url;
    this.client = new IngestClient({ url, writeKey: keys.writeKey, retry: { timeoutMs: 20_000 } });
    // Checks must not wait for the limit that Cloudflare has for everybody.
    const throttle = new RequestThrottle({ limit: 1_000_000 });
    this.store = new KvRestStore({ ...stack.kv, apiToken: keys.apiToken, throttle });
    this.sqs = new SQSClient({
      region: REGION,
      endpoint: stack.queues.endpoint,
      credentials: { accessKeyId: keys.awsAccessKeyId, secretAccessKey: keys.awsSecretAccessKey },
    });
  }

  static async start(options: FaultStackOptions): Promise<FaultStack> {
    // Children would inherit the test runner's flags, and with them its way to resolve modules.
    process.execArgv.splice(0, process.execArgv.length, ...(options.nodeFlags ?? []));
    const folder = await openStateFolder(await mkdtemp(join(tmpdir(), "lzero-fault-")));
    const { keys } = await loadOrCreateKeys(folder.keys);
    const { server, port } = await listenOnLoopback(0, async () => undefined);
    await closeServer(server);
    const endings: Ending[] = [];
    let started: (stack: Stack) => void = () => undefined;
    const running = new Promise<Stack>((resolve) => {
      started = resolve;
    });
    const workerUrl = `http://127.0.0.1:${port}`;
    const proxies = {
      catalog: await FaultProxy.start(async () => workerUrl),
      client: await FaultProxy.start(async () => workerUrl),
      kv: await FaultProxy.start(async () => new URL((await running).kv.baseUrl).origin),
      queue: await FaultProxy.start(async () => (await running).queues.endpoint),
    };
    const withProxies = options.withProxies ?? true;
    const throughProxies = (): Record<string, string> => ({
      ...(withProxies
        ? {
            LZERO_URL: proxies.catalog.origin,
            CLOUDFLARE_API_BASE_URL: `${proxies.kv.origin}/client/v4`,
            SQS_ENDPOINT: proxies.queue.origin,
          }
        : {}),
      ...options.environment?.(),
    });
    const restart = { firstRestartDelayMs: 50, maxRestartDelayMs: 50, maxCrashes: 100_000 };
    const stack = await Stack.start({
      folder,
      keys,
      port,
      script: CLI,
      onGroups: () => undefined,
      onRestart: (name, _, reason) => endings.push({ name, reason }),
      onGiveUp: (error) => endings.push({ name: "stack", reason: error.message }),
      restart,
      consumerArgs: options.consumerArgs,
      consumerEnvironment: throughProxies,
    });
    started(stack);
    const { kv, queues } = stack;
    const whole = new FaultStack(stack, folder, keys, proxies, endings, withProxies);
    for (let number = 2; number <= options.consumers; number++) {
      const name = `consumer-${number}`;
      const child = new SupervisedChild({
        name,
        script: CLI,
        args: ["consume", "--flush-seconds", "1", ...options.consumerArgs],
        environment: () => ({
          LZERO_URL: stack.url,
          LZERO_PUBLISH_KEY: keys.publishKey,
          SQS_QUEUE_URL: queues.queueUrl,
          SQS_DLQ_URL: queues.deadLetterQueueUrl,
          SQS_ENDPOINT: queues.endpoint,
          AWS_REGION: REGION,
          AWS_ACCESS_KEY_ID: keys.awsAccessKeyId,
          AWS_SECRET_ACCESS_KEY: keys.awsSecretAccessKey,
          AWS_PROFILE: "",
          AWS_SESSION_TOKEN: "",
          CLOUDFLARE_ACCOUNT_ID: kv.accountId,
          CLOUDFLARE_API_TOKEN: keys.apiToken,
          LZERO_KV_NAMESPACE_ID: kv.namespaceId,
          CLOUDFLARE_API_BASE_URL: kv.baseUrl,
          ...throughProxies(),
        }),
        logPath: folder.log(name),
        reportsReady: false,
        readyTimeoutMs: WAIT_MS,
        stopTimeoutMs: CONSUMER_STOP_TIMEOUT_MS,
        onChange: () => undefined,
        onRestart: (_, reason) => endings.push({ name, reason }),
        onGiveUp: (error) => endings.push({ name, reason: error.message }),
        ...restart,
      });
      whole.#more.push(child);
      await child.start();
    }
    return whole;
  }

  /** @param how "orderly": consumers finish what they have, as at SIGTERM; "at once": SIGKILL to everything */
  async end(how: "orderly" | "at once" = "at once"): Promise<void> {
    this.sqs.destroy();
    if (how === "orderly") {
      await Promise.all(this.#more.map((child) => child.stop()));
      await this.#stack.stop();
    }
    await Promise.all(this.#more.map((child) => child.kill()));
    await this.#stack.kill();
    await Promise.all(Object.values(this.proxies).map((proxy) => proxy.stop()));
    await rm(this.#folder.root, { recursive: true, force: true });
  }

  /** The Worker without a proxy. */
  get url(): string {
    return this.#stack.url;
  }

  get consumers(): readonly string[] {
    return ["consumer", ...this.#more.map(({ name }) => name)];
  }

  targetOf(index: string): IndexTarget {
    const catalog = new HttpCatalog({ origin: this.#stack.url, publishKey: this.keys.publishKey, index });
    return { index, catalog, store: this.store };
  }

  /** Process of a consumer or of the edge; null between a crash and the next start. */
  pidOf(name: string): number | null {
    const more = this.#more.find((child) => child.name === name);
    return more === undefined ? this.#stack.pidOf(name as "consumer" | "edge" | "queue") : more.pid;
  }

  kill(name: string): void {
    const pid = this.pidOf(name);
    if (pid !== null) process.kill(pid, "SIGKILL");
  }

  /** SIGTERM, as an operator stops a consumer; its supervisor then starts another. */
  terminate(name: string): void {
    const pid = this.pidOf(name);
    if (pid !== null) process.kill(pid, "SIGTERM");
  }

  async waitUntilConsuming(): Promise<void> {
    for (const name of this.consumers) {
      await this.waitFor(`${name} to consume`, () => {
        const pid = this.pidOf(name);
        return this.logOf(name).some(
          (line) => line.includes(`"pid":${pid},`) && line.includes('"consuming"'),
        );
      });
    }
  }

  /** Lines of a process's log, oldest first. */
  logOf(name: string): string[] {
    const path = this.#folder.log(name);
    return existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  }

  /** Lines of all consumers' logs with this message. */
  messagesOf(text: string): string[] {
    return this.consumers.flatMap((name) =>
      this.logOf(name).filter((line) => line.includes(`"msg":"${text}`)),
    );
  }

  /** The Prometheus page of a consumer that was started with `--metrics-port 0`. */
  async metricsOf(name: string): Promise<Record<string, number>> {
    const line = this.logOf(name).findLast((each) => each.includes('"metrics":"http'));
    const url = /"metrics":"(http[^"]+)"/.exec(line ?? "")?.[1];
    if (url === undefined) throw new Error(`${name} has no metrics page`);
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the metrics page of ${name}: status ${response.status}`);
    return readSamples(await response.text());
  }

  /** Resident memory in bytes of each process that runs, the runtime below the edge apart (Linux). */
  memory(): Record<string, number> {
    const sizes: Record<string, number> = {};
    const add = (name: string, pid: number | null): void => {
      const bytes = pid === null ? null : residentBytes(pid);
      if (bytes !== null) sizes[name] = bytes;
    };
    for (const name of [...this.consumers, "queue", "edge"]) add(name, this.pidOf(name));
    const edge = this.pidOf("edge");
    for (const pid of edge === null ? [] : listDescendants(edge)) {
      if (commandOf(pid) === "workerd") add("workerd", pid);
    }
    return sizes;
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

  get queueUrl(): string {
    return this.#stack.queues.queueUrl;
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
    const { baseUrl, accountId, namespaceId } = this.#stack.kv;
    const root = `${baseUrl}/accounts/${accountId}/storage/kv/namespaces/${namespaceId}/keys`;
    const keys: string[] = [];
    for (let cursor = ""; ; ) {
      const response = await fetch(`${root}?${new URLSearchParams({ prefix, cursor })}`, {
        headers: { authorization: `Bearer ${this.keys.apiToken}` },
      });
      if (!response.ok) throw new Error(`listing ${prefix}: status ${response.status}`);
      const page = (await response.json()) as { result: { name: string }[]; result_info: { cursor: string } };
      keys.push(...page.result.map(({ name }) => name));
      cursor = page.result_info.cursor;
      if (cursor === "") return keys;
    }
  }

  /** @throws Error with the ends of the logs when it does not come true in time */
  async waitFor(
    what: string,
    condition: () => boolean | Promise<boolean>,
    timeoutMs = WAIT_MS,
  ): Promise<void> {
    const deadlineMs = Date.now() + timeoutMs;
    while (!(await condition())) {
      if (Date.now() > deadlineMs) {
        throw new Error(`waited ${timeoutMs / 1000} s for ${what}\n${this.describeLogs()}`);
      }
      await sleep(POLL_MS);
    }
  }

  describeLogs(lines = 15): string {
    const tails = [...this.consumers, "edge"].map((name) =>
      [
        `${name}:`,
        ...this.logOf(name)
          .slice(-lines)
          .map((line) => `  | ${line.slice(0, 600)}`),
      ].join("\n"),
    );
    return [...tails, `ended: ${JSON.stringify(this.endings.slice(-10))}`].join("\n");
  }
}

function residentBytes(pid: number): number | null {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kib === undefined ? null : Number(kib) * 1024;
  } catch {
    return null;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}

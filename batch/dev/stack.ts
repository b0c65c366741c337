/**
 * The whole system on one machine: queue, edge and consumer as supervised children, wired to each other. In: a state
 * folder, keys, a port. Out: a running stack, and its orderly end. Prints nothing: events go to the caller.
 */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LzeroError } from "../../shared/errors.ts";
import { type ChildOptions, SupervisedChild } from "./child.ts";
import type { EdgeProcessConfig } from "./edge-process.ts";
import { CONFIG_VARIABLE } from "./ipc.ts";
import type { StackKeys } from "./keys.ts";
import type { StackKv, StackQueues } from "./lock.ts";
import { LOOPBACK } from "./loopback.ts";
import type { ProcessMark } from "./processes.ts";
import { DEAD_LETTER_QUEUE_NAME, QUEUE_NAME, type QueueProcessConfig, queueUrl } from "./queue-process.ts";
import { rotateLog, type StateFolder } from "./state-folder.ts";

/** Names of what Cloudflare and AWS would name; they reach nothing outside this machine. */
const ACCOUNT_ID = "local-account";
const NAMESPACE_ID = "local-index";
const REGION = "us-east-1";

const READY_TIMEOUT_MS = 60_000;
/** The consumer ends the batch in its hands first: 10,000 documents at worst. */
const CONSUMER_STOP_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;

export interface StackOptions {
  readonly folder: StateFolder;
  readonly keys: StackKeys;
  readonly port: number;
  /** The bundled command line, which is also every child's script. */
  readonly script: string;
  readonly onGroups: (groups: readonly ProcessMark[]) => void;
  readonly onRestart: (name: string, attempt: number, reason: string, logPath: string) => void;
  readonly onGiveUp: (error: LzeroError) => void;
  /** How children are started again; default: as `npm start` does. */
  readonly restart?: Pick<ChildOptions, "firstRestartDelayMs" | "maxRestartDelayMs" | "maxCrashes">;
  /** Options of `lzero consume` beyond those of the stack. */
  readonly consumerArgs?: readonly string[];
  /** Variables of the consumer beyond those of the stack, asked for before each of its starts. */
  readonly consumerEnvironment?: () => Readonly<Record<string, string>>;
}

export type ChildName = "queue" | "edge" | "consumer";

export class Stack {
  readonly #children: readonly SupervisedChild[];
  readonly url: string;

  private constructor(url: string, children: readonly SupervisedChild[]) {
    this.url = url;
    this.#children = children;
  }

  /** @throws LzeroError `child_failed`, `worker_not_built`; what was started is stopped then */
  static async start(options: StackOptions): Promise<Stack> {
    const { folder, keys, port, script } = options;
    const root = dirname(dirname(dirname(script)));
    const compatibilityDate = await readCompatibilityDate(join(root, "wrangler.toml"));
    const url = `http://${LOOPBACK}:${port}`;
    const running = new Map<string, ProcessMark>();
    const make = (
      name: string,
      args: readonly string[],
      stopTimeoutMs: number,
      environment: () => Record<string, string>,
      reportsReady = true,
    ): SupervisedChild =>
      new SupervisedChild({
        name,
        script,
        args,
        environment,
        logPath: folder.log(name),
        reportsReady,
        readyTimeoutMs: READY_TIMEOUT_MS,
        stopTimeoutMs,
        onChange: (mark) => {
          if (mark === null) running.delete(name);
          else running.set(name, mark);
          options.onGroups([...running.values()]);
        },
        onRestart: (attempt, reason) => options.onRestart(name, attempt, reason, folder.log(name)),
        onGiveUp: options.onGiveUp,
        ...options.restart,
      });

    const queue = make("queue", ["dev-queue"], STOP_TIMEOUT_MS, () =>
      asConfig({ port: queue.ports.queue ?? 0, region: REGION, accessKeyId: keys.awsAccessKeyId }),
    );
    const edge = make("edge", ["dev-edge"], STOP_TIMEOUT_MS, () =>
      asConfig({
        port,
        kvPort: edge.ports.kv ?? 0,
        workerFolder: join(root, "dist", "worker"),
        compatibilityDate,
        stateFolder: folder.edge,
        accountId: ACCOUNT_ID,
        namespaceId: NAMESPACE_ID,
        apiToken: keys.apiToken,
        bindings: {
          LZERO_WRITE_KEY: keys.writeKey,
          LZERO_PUBLISH_KEY: keys.publishKey,
          SQS_QUEUE_URL: queueUrl(queue.ports.queue!, QUEUE_NAME),
          AWS_REGION: REGION,
          AWS_ACCESS_KEY_ID: keys.awsAccessKeyId,
          AWS_SECRET_ACCESS_KEY: keys.awsSecretAccessKey,
        },
      } satisfies EdgeProcessConfig),
    );
    const consumer = make(
      "consumer",
      // The first documents shall be found soon; later the queue fills batches faster than this.
      ["consume", "--flush-seconds", "1", ...(options.consumerArgs ?? [])],
      CONSUMER_STOP_TIMEOUT_MS,
      () => ({
        LZERO_URL: url,
        LZERO_PUBLISH_KEY: keys.publishKey,
        SQS_QUEUE_URL: queueUrl(queue.ports.queue!, QUEUE_NAME),
        SQS_DLQ_URL: queueUrl(queue.ports.queue!, DEAD_LETTER_QUEUE_NAME),
        SQS_ENDPOINT: `http://${LOOPBACK}:${queue.ports.queue}`,
        AWS_REGION: REGION,
        AWS_ACCESS_KEY_ID: keys.awsAccessKeyId,
        AWS_SECRET_ACCESS_KEY: keys.awsSecretAccessKey,
        // The person's own AWS settings must not leak in: a profile would take precedence over the keys.
        AWS_PROFILE: "",
        AWS_SESSION_TOKEN: "",
        CLOUDFLARE_ACCOUNT_ID: ACCOUNT_ID,
        CLOUDFLARE_API_TOKEN: keys.apiToken,
        LZERO_KV_NAMESPACE_ID: NAMESPACE_ID,
        CLOUDFLARE_API_BASE_URL: kvBaseUrl(edge),
        ...options.consumerEnvironment?.(),
      }),
      false,
    );
    const children = [queue, edge, consumer];
    const stack = new Stack(url, children);
    await Promise.all(children.map(({ name }) => rotateLog(folder.log(name))));
    try {
      for (const child of children) await child.start();
    } catch (error) {
      await stack.stop();
      throw error;
    }
    return stack;
  }

  /** Where KV answers; it stays there when the edge is started again. */
  get kv(): StackKv {
    return { baseUrl: kvBaseUrl(this.#child("edge")), accountId: ACCOUNT_ID, namespaceId: NAMESPACE_ID };
  }

  /** Where the queues answer, signed with the keys of the stack. */
  get queues(): StackQueues {
    const port = this.#child("queue").ports.queue!;
    return {
      endpoint: `http://${LOOPBACK}:${port}`,
      region: REGION,
      queueUrl: queueUrl(port, QUEUE_NAME),
      deadLetterQueueUrl: queueUrl(port, DEAD_LETTER_QUEUE_NAME),
    };
  }

  /** Process id of a child; null between its crash and its next start. */
  pidOf(name: ChildName): number | null {
    return this.#child(name).pid;
  }

  /** Stops in the order that loses nothing: the consumer drains, then the edge, then the queue. */
  async stop(): Promise<void> {
    for (const child of this.#children.toReversed()) await child.stop();
  }

  /** Ends everything at once. */
  async kill(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.kill()));
  }

  #child(name: ChildName): SupervisedChild {
    return this.#children.find((child) => child.name === name)!;
  }
}

function kvBaseUrl(edge: SupervisedChild): string {
  return `http://${LOOPBACK}:${edge.ports.kv}/client/v4`;
}

function asConfig(config: EdgeProcessConfig | QueueProcessConfig): Record<string, string> {
  return { [CONFIG_VARIABLE]: JSON.stringify(config) };
}

/** The Worker runs with the date that it is deployed with. */
async function readCompatibilityDate(path: string): Promise<string> {
  const date = /^compatibility_date = "(\d{4}-\d{2}-\d{2})"$/m.exec(await readFile(path, "utf8"))?.[1];
  if (date === undefined) {
    throw new LzeroError("worker_not_built", `${path} has no compatibility_date`, { path });
  }
  return date;
}

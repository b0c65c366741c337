/** Breaks one thing after the other while a soak runs: networks, services, processes. A seed gives the order. */
import { setTimeout as sleep } from "node:timers/promises";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import type { Random } from "../simulation/random.ts";
import type { FaultProxy, FaultRule, ProxyFault } from "../support/fault-proxy.ts";
import type { FaultStack } from "../support/fault-stack.ts";

export interface InjectorOptions {
  readonly stack: FaultStack;
  readonly random: Random;
  /** Between two faults, on average. */
  readonly meanPauseMs: number;
  /** How often the edge is killed, per fault. */
  readonly edgeShare: number;
}

type Break = () => Promise<void> | void;

const DOWN_MS = [200, 2000] as const;
const MANY = [1, 4] as const;

export class Injector {
  /** Faults by what was done; those of the proxies are counted there. */
  readonly counts: Record<string, number> = {};
  /** Messages that no consumer can read. */
  garbage = 0;
  readonly #options: InjectorOptions;
  readonly #breaks: readonly (readonly [name: string, weight: number, Break])[];
  #isOver = false;

  constructor(options: InjectorOptions) {
    this.#options = options;
    const { stack } = options;
    const { kv, catalog, queue, client } = stack.proxies;
    const on = (path: RegExp): ((path: string, method: string) => boolean) => {
      return (each, method) => path.test(`${method} ${each}`);
    };
    const bulk = on(/^PUT .*\/bulk$/);
    const anyKv = on(/./);
    const commands = on(/^POST \/internal\//);
    const writes = on(/^(POST|DELETE) \/v1\/.*\/documents/);
    this.#breaks = [
      [
        "KV 429",
        3,
        () => this.#fail(kv, bulk, { kind: "status", status: 429, headers: { "retry-after": "1" } }),
      ],
      ["KV 500", 3, () => this.#fail(kv, anyKv, { kind: "status", status: 500 })],
      ["KV answer lost", 3, () => this.#fail(kv, anyKv, { kind: "lost-answer" })],
      ["KV connection reset", 3, () => this.#fail(kv, anyKv, { kind: "reset" })],
      ["KV no answer", 1, () => this.#fail(kv, bulk, { kind: "hang" })],
      ["KV partial bulk write", 3, () => this.#fail(kv, bulk, partialWrite)],
      ["catalog 500", 3, () => this.#fail(catalog, commands, { kind: "status", status: 500 })],
      ["catalog answer lost", 4, () => this.#fail(catalog, commands, { kind: "lost-answer" })],
      ["catalog unreachable", 2, () => this.#takeDown(catalog)],
      ["KV unreachable", 2, () => this.#takeDown(kv)],
      ["queue unreachable", 2, () => this.#takeDown(queue)],
      ["received messages lost", 2, () => this.#failAction("ReceiveMessage", { kind: "lost-answer" })],
      [
        "deletes of messages refused",
        3,
        () => this.#failAction("DeleteMessageBatch", { kind: "status", status: 500 }),
      ],
      [
        "heartbeats refused",
        2,
        () => this.#failAction("ChangeMessageVisibilityBatch", { kind: "status", status: 500 }),
      ],
      ["client's answer lost", 4, () => this.#fail(client, writes, { kind: "lost-answer" })],
      ["client's connection reset", 3, () => this.#fail(client, writes, { kind: "reset" })],
      // Only the first one: the other's memory is watched.
      ["consumer killed", 2, () => stack.kill("consumer")],
      ["consumer stopped in order", 1, () => stack.terminate("consumer")],
      ["edge killed", options.edgeShare, () => stack.kill("edge")],
      ["unreadable message", 1, () => this.#sendGarbage()],
    ];
  }

  async run(): Promise<void> {
    const { random, meanPauseMs } = this.#options;
    // As often in the list as they weigh, in tenths.
    const drawn = this.#breaks.flatMap((each) => Array<typeof each>(Math.round(each[1] * 10)).fill(each));
    while (!this.#isOver) {
      const [name, , run] = random.pick(drawn);
      this.counts[name] = (this.counts[name] ?? 0) + 1;
      await run();
      await sleep(meanPauseMs * (0.5 + random.next()));
    }
    for (const proxy of Object.values(this.#options.stack.proxies)) {
      proxy.rule = null;
      proxy.setDown(false);
    }
  }

  stop(): void {
    this.#isOver = true;
  }

  /** The next few requests that match fail, at most until the next fault of the same proxy. */
  #fail(
    proxy: FaultProxy,
    matches: (path: string, method: string) => boolean,
    fault: ProxyFault | (() => ProxyFault),
  ): void {
    let left = this.#options.random.between(...MANY);
    const rule: FaultRule = ({ path, method }) => {
      if (left === 0 || !matches(path, method)) return null;
      left -= 1;
      // What remembers its request must not be another one's too.
      return typeof fault === "function" ? fault() : fault;
    };
    proxy.rule = rule;
  }

  #failAction(name: string, fault: ProxyFault): void {
    let left = this.#options.random.between(...MANY);
    this.#options.stack.proxies.queue.rule = ({ action }) => {
      if (left === 0 || action !== name) return null;
      left -= 1;
      return fault;
    };
  }

  async #takeDown(proxy: FaultProxy): Promise<void> {
    proxy.setDown(true);
    await sleep(this.#options.random.between(...DOWN_MS));
    proxy.setDown(false);
  }

  async #sendGarbage(): Promise<void> {
    const { stack } = this.#options;
    this.garbage += 1;
    await stack.sqs.send(
      new SendMessageCommand({ QueueUrl: stack.queueUrl, MessageBody: "{ not a message" }),
    );
  }
}

/** Leaves the last pair of a bulk write out and says so, in an answer of 200. */
export function partialWrite(): ProxyFault {
  let left: string[] = [];
  return {
    kind: "rewrite",
    body: (body) => {
      const pairs = JSON.parse(body.toString()) as { key: string }[];
      left = pairs.splice(-1).map(({ key }) => key);
      return Buffer.from(JSON.stringify(pairs));
    },
    answer: (body) => {
      const parsed = JSON.parse(body.toString()) as { result: { unsuccessful_keys: string[] } };
      parsed.result.unsuccessful_keys = left;
      return Buffer.from(JSON.stringify(parsed));
    },
  };
}

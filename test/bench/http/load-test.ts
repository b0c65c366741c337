/**
 * Requests to one server over a number of connections, each taking the next query when its last is answered. In: paths.
 * Out: how long each took, from the request's first byte to the answer's last, and how many a second.
 */
import { Agent, get } from "node:http";
import { quantile } from "../peers/timing.ts";

export interface LoadFigures {
  readonly requests: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly requestsPerSecond: number;
  /** Mean values that a request read from KV, by its Server-Timing. */
  readonly kvReads: number;
  /** Mean bytes of an answer's body. */
  readonly bytes: number;
}

interface Answered {
  readonly ms: number;
  readonly kvReads: number;
  readonly bytes: number;
}

/** @param limitSeconds no request begins after so long */
export async function loadTest(
  port: number,
  paths: readonly string[],
  connections: number,
  limitSeconds: number,
): Promise<LoadFigures> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const answers: Answered[] = [];
  let next = 0;
  const startedMs = performance.now();
  const work = async () => {
    while (next < paths.length && performance.now() - startedMs < limitSeconds * 1000) {
      const path = paths[next++]!;
      answers.push(await request(agent, port, path));
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, work));
  } finally {
    agent.destroy();
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const times = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;
  return {
    requests: answers.length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    max: times.at(-1) ?? 0,
    requestsPerSecond: answers.length / seconds,
    kvReads: mean(answers.map(({ kvReads }) => kvReads)),
    bytes: mean(answers.map(({ bytes }) => bytes)),
  };
}

/** @throws Error on any answer but 200 */
function request(agent: Agent, port: number, path: string): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    get({ agent, host: "127.0.0.1", port, path }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const ms = performance.now() - startedMs;
        const body = Buffer.concat(chunks);
        if (response.statusCode !== 200) {
          reject(new Error(`${path}: ${response.statusCode} ${body.toString("utf8").slice(0, 300)}`));
          return;
        }
        const timing = String(response.headers["server-timing"] ?? "");
        const kvReads = Number(/kv;desc="(\d+) reads"/.exec(timing)?.[1] ?? 0);
        resolve({ ms, kvReads, bytes: body.length });
      });
    }).on("error", reject);
  });
}

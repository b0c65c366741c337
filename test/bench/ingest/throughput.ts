/** Documents a second from the first request until every one of them is committed, and until everybody finds them. */
import { readFileSync } from "node:fs";
import type { FaultStack } from "../../support/fault-stack.ts";
import { listDescendants } from "../../support/local-stack.ts";
import { type BenchDocument, makeBodies, sendAll, takeDocuments, waitUntilSettled } from "./sending.ts";

export interface Throughput {
  readonly documents: number;
  readonly requests: number;
  readonly acceptedPerSecond: number;
  /** Until the last commit: from then on a search that asks for that generation has all of them. */
  readonly committedPerSecond: number;
  /** Until a search that asks for nothing answers from that generation. */
  readonly searchablePerSecond: number;
  readonly published: readonly number[];
  /** CPU time between the first request and the last commit, by process; `bench` is the client. */
  readonly cpuSeconds: Readonly<Record<string, number>>;
}

const WARM_UP_DOCUMENTS = 2000;

export async function measureThroughput(
  stack: FaultStack,
  corpus: readonly BenchDocument[],
  count: number,
): Promise<Throughput> {
  const index = "throughput";
  await stack.client.createIndex(index, { encoder: "bm25" });
  // Tables, connections and compiled code are there before the clock runs.
  await sendAll(stack, index, makeBodies(takeDocuments(corpus, WARM_UP_DOCUMENTS, count)), "warm-up");
  await waitUntilSettled(stack, index);
  const before = await publishedBy(stack);
  const bodies = makeBodies(takeDocuments(corpus, count));
  const cpuBefore = cpuSecondsBy(stack);
  const startedMs = performance.now();
  await sendAll(stack, index, bodies);
  const acceptedMs = performance.now();
  const generation = await waitUntilSettled(stack, index);
  const committedMs = performance.now();
  const cpuAfter = cpuSecondsBy(stack);
  await stack.waitFor(
    `generation ${generation} to be answered from`,
    async () => (await stack.client.search(index, "a", 1)).generation >= generation,
  );
  const searchableMs = performance.now();
  const perSecond = (endedMs: number) => (count * 1000) / (endedMs - startedMs);
  return {
    documents: count,
    requests: bodies.length,
    acceptedPerSecond: perSecond(acceptedMs),
    committedPerSecond: perSecond(committedMs),
    searchablePerSecond: perSecond(searchableMs),
    published: (await publishedBy(stack)).map((each, at) => each - before[at]!),
    cpuSeconds: Object.fromEntries(
      Object.entries(cpuAfter).map(([name, seconds]) => [name, seconds - (cpuBefore[name] ?? 0)]),
    ),
  };
}

async function publishedBy(stack: FaultStack): Promise<number[]> {
  return await Promise.all(
    stack.consumers.map(
      async (name) => (await stack.metricsOf(name))['lzero_documents_total{stage="published"}'] ?? 0,
    ),
  );
}

/** User and system time of each process so far (Linux: proc_pid_stat(5), in ticks of a hundredth of a second). */
function cpuSecondsBy(stack: FaultStack): Record<string, number> {
  const seconds: Record<string, number> = {};
  const pids: [string, number | null][] = [...stack.consumers, "queue", "edge"].map((name) => [
    name,
    stack.pidOf(name),
  ]);
  const edge = stack.pidOf("edge");
  for (const pid of edge === null ? [] : listDescendants(edge)) pids.push(["workerd", pid]);
  for (const [name, pid] of pids) {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      seconds[name] = (seconds[name] ?? 0) + (Number(fields[11]) + Number(fields[12])) / 100;
    } catch {
      // Not Linux, or just gone.
    }
  }
  const { user, system } = process.cpuUsage();
  seconds.bench = (user + system) / 1e6;
  return seconds;
}

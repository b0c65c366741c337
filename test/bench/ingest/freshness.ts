/**
 * How long after the 202 a document is found, at a trickle of small requests: by who asks for the generation that holds
 * it, which is as soon as it is committed, and by everybody, which is when the isolate looks at KV again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { FaultStack } from "../../support/fault-stack.ts";
import { type BenchDocument, takeDocuments, waitUntilSettled } from "./sending.ts";

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly samples: number;
}

export interface Freshness {
  readonly requestsPerSecond: number;
  readonly documentsPerRequest: number;
  /** Seconds. */
  readonly committed: Quantiles;
  readonly visible: Quantiles;
}

const INTERVAL_MS = 200;
const DOCUMENTS_PER_REQUEST = 5;
const POLL_MS = 25;

/** When a reader first answered from a generation, or the catalog first had it. */
interface Sighting {
  readonly generation: number;
  readonly atMs: number;
}

export async function measureFreshness(
  stack: FaultStack,
  corpus: readonly BenchDocument[],
  seconds: number,
): Promise<Freshness> {
  const index = "freshness";
  await stack.client.createIndex(index, { encoder: "bm25" });
  await stack.client.sendDocuments(index, JSON.stringify(takeDocuments(corpus, 10, 100_000)), "warm-up");
  await waitUntilSettled(stack, index);
  const accepted: { readonly ingestId: string; readonly atMs: number }[] = [];
  const committed: Sighting[] = [];
  const visible: Sighting[] = [];
  let isOver = false;
  const watching = Promise.all([
    watch(committed, async () => (await stack.client.status(index))!.generation),
    watch(visible, async () => (await stack.client.search(index, "a", 1)).generation),
  ]);

  async function watch(sightings: Sighting[], ask: () => Promise<number>): Promise<void> {
    while (!isOver) {
      const generation = await ask();
      if (generation > (sightings.at(-1)?.generation ?? -1))
        sightings.push({ generation, atMs: performance.now() });
      await sleep(POLL_MS);
    }
  }

  const requests = Math.round((seconds * 1000) / INTERVAL_MS);
  const startedMs = performance.now();
  for (let at = 0; at < requests; at++) {
    await sleep(Math.max(0, startedMs + at * INTERVAL_MS - performance.now()));
    const documents = takeDocuments(corpus, DOCUMENTS_PER_REQUEST, at * DOCUMENTS_PER_REQUEST);
    const { ingestId } = await stack.client.sendDocuments(index, JSON.stringify(documents), `trickle-${at}`);
    accepted.push({ ingestId: ingestId!, atMs: performance.now() });
  }
  const generation = await waitUntilSettled(stack, index);
  await stack.waitFor("all of it to be visible", () => (visible.at(-1)?.generation ?? 0) >= generation);
  isOver = true;
  await watching;

  const delays = { committed: [] as number[], visible: [] as number[] };
  for (const { ingestId, atMs } of accepted) {
    const status = await stack.client.ingestStatus(index, ingestId);
    for (const [name, sightings] of Object.entries({ committed, visible })) {
      const seen = sightings.find((sighting) => sighting.generation >= status!.generation!)!;
      delays[name as keyof typeof delays].push(Math.max(0, seen.atMs - atMs) / 1000);
    }
  }
  return {
    requestsPerSecond: 1000 / INTERVAL_MS,
    documentsPerRequest: DOCUMENTS_PER_REQUEST,
    committed: quantiles(delays.committed),
    visible: quantiles(delays.visible),
  };
}

function quantiles(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), samples: sorted.length };
}

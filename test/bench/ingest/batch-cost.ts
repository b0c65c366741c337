/** What KV and SQS charge for documents at a batch size, by the consumer's own counters and list prices. */
import { billedSqsRequests, KV_DOLLARS, SQS_DOLLARS_PER_REQUEST } from "../../../batch/metrics/prices.ts";
import { manifestKey } from "../../../shared/storage/keys.ts";
import type { FaultStack } from "../../support/fault-stack.ts";
import {
  type BenchDocument,
  DOCUMENTS_PER_REQUEST,
  makeBodies,
  sendAll,
  takeDocuments,
  waitUntilSettled,
} from "./sending.ts";

export interface BatchCost {
  readonly documents: number;
  readonly commits: number;
  readonly merges: number;
  /** Keys, the manifest's puts by the outbox included. */
  readonly writesPer1000: number;
  readonly deletesPer1000: number;
  readonly readsPer1000: number;
  /** Of the Worker and the consumer. */
  readonly sqsRequestsPer1000: number;
  readonly dollarsPer1000: number;
  /** Requests to Cloudflare's API, which takes 1,200 in five minutes. */
  readonly apiRequests: number;
  readonly seconds: number;
}

export async function measureBatchCost(
  stack: FaultStack,
  corpus: readonly BenchDocument[],
  count: number,
  batch: number,
): Promise<BatchCost> {
  const index = "cost";
  await stack.client.createIndex(index, { encoder: "bm25" });
  const before = await stack.metricsOf("consumer");
  const startedMs = performance.now();
  const bodies = makeBodies(takeDocuments(corpus, count), Math.min(batch, DOCUMENTS_PER_REQUEST));
  const puts = new Set<number>();
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      puts.add((await stack.client.status(index))!.publishedGeneration);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  await sendAll(stack, index, bodies);
  await waitUntilSettled(stack, index);
  // Merges go on after the last document; they are part of the price.
  let merges = -1;
  await stack.waitFor("an end of the merges", async () => {
    const seen = (await stack.metricsOf("consumer"))['lzero_commits_total{kind="merge"}'] ?? 0;
    const { segments } = (await stack.client.status(index))!;
    const isQuiet = seen === merges && segments.length <= 8;
    merges = seen;
    if (!isQuiet) await new Promise((resolve) => setTimeout(resolve, 2000));
    return isQuiet;
  });
  const seconds = (performance.now() - startedMs) / 1000;
  isOver = true;
  await watching;
  const after = await stack.metricsOf("consumer");
  const pages = (await stack.listKeys(`${index}/`)).filter((key) => key !== manifestKey(index)).length;
  const { segments } = (await stack.client.status(index))!;
  const live = segments.reduce((sum, segment) => sum + segment.pages, 0);
  const grown = (name: string) => (after[name] ?? 0) - (before[name] ?? 0);
  const writes = grown('lzero_kv_keys_total{operation="write"}') + puts.size;
  // Pages of replaced segments are deleted when no kept generation has them any more: later, but for the same money.
  const deletes = pages - live;
  const reads = grown('lzero_kv_keys_total{operation="read"}');
  const sent = bodies.reduce((sum, body) => sum + billedSqsRequests(Buffer.byteLength(body)), 0);
  const received = Object.keys(after)
    .filter((name) => name.startsWith("lzero_sqs_requests_total") && !name.includes("GetQueueAttributes"))
    .reduce((sum, name) => sum + grown(name), 0);
  const per1000 = (value: number) => (value * 1000) / count;
  const dollars =
    writes * KV_DOLLARS.write +
    deletes * KV_DOLLARS.delete +
    reads * KV_DOLLARS.read +
    (sent + received) * SQS_DOLLARS_PER_REQUEST;
  return {
    documents: count,
    commits: grown('lzero_commits_total{kind="documents"}'),
    merges,
    writesPer1000: per1000(writes),
    deletesPer1000: per1000(deletes),
    readsPer1000: per1000(reads),
    sqsRequestsPer1000: per1000(sent + received),
    dollarsPer1000: per1000(dollars),
    apiRequests: grown("lzero_kv_requests_total"),
    seconds,
  };
}

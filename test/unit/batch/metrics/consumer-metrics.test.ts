import { describe, expect, it } from "vitest";
import { newProgress } from "../../../../batch/consume/progress.ts";
import { CatalogGauges } from "../../../../batch/metrics/catalog-gauges.ts";
import { ConsumerMetrics } from "../../../../batch/metrics/consumer-metrics.ts";
import { meterCatalog } from "../../../../batch/metrics/metered-catalog.ts";
import { MeteredStore } from "../../../../batch/metrics/metered-store.ts";
import { startMetricsServer } from "../../../../batch/metrics/metrics-server.ts";
import { billedSqsRequests } from "../../../../batch/metrics/prices.ts";
import { Publisher } from "../../../../batch/publish/publisher.ts";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { LzeroError } from "../../../../shared/errors.ts";
import { encodeFake, fakeBoundModel } from "../../../support/fake-encoder.ts";
import { LocalCatalog } from "../../../support/local-catalog.ts";
import { readSamples } from "../../../support/prometheus.ts";

const read = async (metrics: ConsumerMetrics) => readSamples(await metrics.render());

describe("ConsumerMetrics", () => {
  it("counts what a publish does: keys, dollars, commits, documents", async () => {
    const progress = newProgress();
    const metrics = new ConsumerMetrics(progress);
    const catalog = new LocalCatalog("demo");
    const committed: number[] = [];
    const target = {
      index: "demo",
      store: new MeteredStore(new MemoryStore(), metrics),
      catalog: meterCatalog(catalog, { metrics, onCommit: (generation) => committed.push(generation) }),
    };
    const { ingestId } = catalog.accept([{ id: "a", text: "a b" }]);
    const fields = { title: null, text: "a b", url: null, metadata: null };
    const document = { ingestId, position: 0, version: 1, id: "a", fields, vector: encodeFake("a b") };
    await new Publisher().publish(target, fakeBoundModel(), [document]);
    progress.published += 1;
    metrics.observePublish(0.3);
    const samples = await read(metrics);
    // One page of a small segment, and the model's query tables.
    expect(samples['lzero_kv_keys_total{operation="write"}']).toBe(2);
    expect(samples['lzero_dollars_total{service="kv"}']).toBeCloseTo(2 * 5e-6, 12);
    expect(samples['lzero_commits_total{kind="documents"}']).toBe(1);
    expect(samples['lzero_documents_total{stage="published"}']).toBe(1);
    expect(samples.lzero_publish_seconds_count).toBe(1);
    expect(samples['lzero_publish_seconds_bucket{le="0.2"}']).toBe(0);
    expect(samples['lzero_publish_seconds_bucket{le="0.5"}']).toBe(1);
    expect(committed).toEqual([1]);
  });

  it("counts a commit once when its answer was lost and it was asked for again", async () => {
    const metrics = new ConsumerMetrics(newProgress());
    const catalog = new LocalCatalog("demo");
    const metered = meterCatalog(catalog, { metrics });
    const { ingestId } = catalog.accept([{ id: "a", text: "a" }]);
    const segmentId = "5".repeat(32);
    const model = fakeBoundModel().binding;
    await metered.stage({
      segmentId,
      model,
      checksum: "c",
      pages: 1,
      documents: 1,
      sizeBytes: 9,
      replaces: [],
    });
    await metered.locate({ segmentId, firstOrdinal: 0, documents: [["a".repeat(32), 1, ingestId, 0]] });
    catalog.fail("commit", "after");
    await expect(metered.commit({ segmentId })).rejects.toMatchObject({ code: "catalog_unavailable" });
    await metered.commit({ segmentId });
    await metered.commit({ segmentId });
    expect((await read(metrics))['lzero_commits_total{kind="documents"}']).toBe(1);
  });

  it("counts refusals by code when somebody else was first, and no other failures", async () => {
    const metrics = new ConsumerMetrics(newProgress());
    const catalog = new LocalCatalog("demo");
    const metered = meterCatalog(catalog, { metrics });
    catalog.fail("commit", "before", new LzeroError("merge_conflict", "a segment is gone"));
    catalog.fail("commit", "before");
    for (let i = 0; i < 2; i++) await metered.commit({ segmentId: "5".repeat(32) }).catch(() => undefined);
    const conflicts = Object.entries(await read(metrics)).filter(([name]) => name.includes("conflicts"));
    expect(conflicts).toEqual([['lzero_conflicts_total{code="merge_conflict"}', 1]]);
  });

  it("asks the catalog at a scrape, and shows nothing old when it does not answer", async () => {
    const metrics = new ConsumerMetrics(newProgress());
    const catalog = new LocalCatalog("demo");
    metrics.addSource(new CatalogGauges({ openCatalog: () => catalog, metrics, now: () => catalog.nowMs }));
    expect(await read(metrics)).not.toHaveProperty('lzero_segments{index="demo"}');
    const gauges = new CatalogGauges({ openCatalog: () => catalog, metrics, now: () => catalog.nowMs });
    metrics.addSource(gauges);
    gauges.add("demo");
    catalog.accept([{ id: "a", text: "a" }]);
    catalog.nowMs += 5000;
    expect(await read(metrics)).toMatchObject({
      'lzero_pending_documents{index="demo"}': 1,
      'lzero_oldest_pending_seconds{index="demo"}': 5,
      'lzero_segments{index="demo"}': 0,
      'lzero_generation{index="demo"}': 0,
    });
    catalog.fail("status", "before");
    expect(await read(metrics)).not.toHaveProperty('lzero_pending_documents{index="demo"}');
  });

  it("counts requests to SQS by 64 KiB, as they are billed", async () => {
    expect([0, 1, 65_536, 65_537, 1_048_576].map(billedSqsRequests)).toEqual([1, 1, 1, 2, 16]);
    const metrics = new ConsumerMetrics(newProgress());
    metrics.countSqs("ReceiveMessage", 200_000);
    expect(await read(metrics)).toMatchObject({
      'lzero_sqs_requests_total{action="ReceiveMessage"}': 4,
      'lzero_dollars_total{service="sqs"}': 4 * 0.4e-6,
    });
  });
});

describe("the metrics server", () => {
  it("serves the page and the health, on 127.0.0.1 to those who name it so", async () => {
    const metrics = new ConsumerMetrics(newProgress());
    let isHealthy = true;
    const server = await startMetricsServer({
      port: 0,
      metrics,
      health: () => ({ isHealthy, reason: "because" }),
    });
    const at = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${server.port}${path}`, init);
    try {
      const page = await at("/metrics");
      expect(page.status).toBe(200);
      expect(page.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
      expect(readSamples(await page.text())).toHaveProperty("process_resident_memory_bytes");
      expect(await (await at("/healthz")).json()).toEqual({ status: "ok", reason: "because" });
      isHealthy = false;
      expect((await at("/healthz")).status).toBe(503);
      expect((await at("/")).status).toBe(404);
      expect((await at("/metrics", { method: "POST" })).status).toBe(405);
    } finally {
      await server.close();
    }
  });
});

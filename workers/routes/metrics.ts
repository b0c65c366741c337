/**
 * `GET /metrics/indexes/{index}`: what the catalog knows of an index, and what this location answers from, in
 * Prometheus' text format. For a monitoring system, by a key of its own; the consumer's page has the rest.
 */
import type { CatalogStatus } from "../../shared/catalog/commands.ts";
import { requireKey } from "../http/auth.ts";
import { currentManifest } from "../search/current-manifest.ts";
import { makeReadContext } from "../search/read-context.ts";
import type { App, Services } from "../services.ts";
import { checkIndexName } from "./index-name.ts";

/** Prometheus: "Exposition formats", text format. */
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly value: number;
}

export function addMetricsRoutes(app: App, services: Services): void {
  app.get("/metrics/indexes/:index", async (context) => {
    await requireKey(context.req.raw, context.env, "metrics");
    const index = checkIndexName(context.req.param("index"));
    const status = await services.catalogOf(context.env, index).status();
    const { manifest } = await currentManifest(makeReadContext(context, services, index));
    const gauges = [
      ...catalogGauges(status, services.nowMs()),
      {
        name: "lzero_edge_generation",
        help: "Generation that this location answers from.",
        value: manifest.generation,
      },
      {
        name: "lzero_edge_generation_age_seconds",
        help: "Seconds since the commit that made that generation.",
        value: Math.max(0, services.nowMs() - manifest.createdAtMs) / 1000,
      },
    ];
    context.header("content-type", CONTENT_TYPE);
    context.header("cache-control", "no-store");
    return context.body(gauges.map((gauge) => formatGauge(gauge, index)).join(""));
  });
}

function catalogGauges(status: CatalogStatus, nowMs: number): Gauge[] {
  const { oldestPendingAtMs, segments } = status;
  const sum = (of: (segment: CatalogStatus["segments"][number]) => number) =>
    segments.reduce((total, segment) => total + of(segment), 0);
  return [
    { name: "lzero_documents", help: "Live documents.", value: status.documents },
    {
      name: "lzero_pending_documents",
      help: "Documents that were accepted and are neither indexed nor given up.",
      value: status.pending,
    },
    {
      name: "lzero_oldest_pending_seconds",
      help: "How long the oldest of them waits; 0 when there is none.",
      value: oldestPendingAtMs === null ? 0 : Math.max(0, nowMs - oldestPendingAtMs) / 1000,
    },
    { name: "lzero_segments", help: "Live segments.", value: segments.length },
    { name: "lzero_segment_bytes", help: "Their size.", value: sum(({ sizeBytes }) => sizeBytes) },
    {
      name: "lzero_tombstones",
      help: "Documents in them that are not live.",
      value: sum(({ tombstones }) => tombstones),
    },
    { name: "lzero_generation", help: "Current generation.", value: status.generation },
    {
      name: "lzero_published_generation",
      help: "Newest generation whose manifest KV has acknowledged.",
      value: status.publishedGeneration,
    },
  ];
}

/** The index's name needs no escaping: it is a-z, 0-9 and -. */
function formatGauge({ name, help, value }: Gauge, index: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name}{index="${index}"} ${value}\n`;
}

/**
 * A consumer's metrics put together: what counts, what is asked at a scrape, and the page. In: the parts that the
 * consumer works with. Out: the same parts, counted. Without a port everything is counted and nobody can see it, which
 * costs nothing; only the freshness probe, which makes requests of its own, runs with a page alone.
 */
import type { SQSClient } from "@aws-sdk/client-sqs";
import type { PageStore } from "../../shared/storage/page-store.ts";
import type { OpenCatalog } from "../catalog-port.ts";
import type { QueueConsumer } from "../consume/consumer.ts";
import type { Progress } from "../consume/progress.ts";
import { RequestThrottle } from "../storage/request-throttle.ts";
import { CatalogGauges } from "./catalog-gauges.ts";
import { ConsumerMetrics } from "./consumer-metrics.ts";
import { FreshnessProbe } from "./freshness-probe.ts";
import { meterSqs } from "./meter-sqs.ts";
import { meterCatalog } from "./metered-catalog.ts";
import { MeteredStore } from "./metered-store.ts";
import { startMetricsServer } from "./metrics-server.ts";
import { QueueDepth } from "./queue-depth.ts";

export interface TelemetryOptions {
  /** Null: no page. */
  readonly port: number | null;
  readonly workerUrl: string;
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly openCatalog: OpenCatalog;
  /** Catalogs that give up soon, for scrapes. */
  readonly openImpatientCatalog: OpenCatalog;
  readonly openStore: (throttle: RequestThrottle) => PageStore;
  readonly progress: Progress;
}

/** Counts the requests that it lets through: Cloudflare's API takes only so many. */
class MeteredThrottle extends RequestThrottle {
  readonly #metrics: ConsumerMetrics;

  constructor(metrics: ConsumerMetrics) {
    super();
    this.#metrics = metrics;
  }

  override async acquire(): Promise<void> {
    await super.acquire();
    this.#metrics.countKvRequest();
  }
}

export class ConsumerTelemetry {
  readonly metrics: ConsumerMetrics;
  readonly store: PageStore;
  readonly openCatalog: OpenCatalog;
  readonly #options: TelemetryOptions;
  readonly #gauges: CatalogGauges;
  readonly #probe: FreshnessProbe | null;

  constructor(options: TelemetryOptions) {
    this.#options = options;
    const { sqs, queueUrl, deadLetterQueueUrl } = options;
    const metrics = new ConsumerMetrics(options.progress);
    this.metrics = metrics;
    this.#gauges = new CatalogGauges({ openCatalog: options.openImpatientCatalog, metrics });
    metrics.addSource(this.#gauges);
    metrics.addSource(new QueueDepth({ sqs, queueUrl, deadLetterQueueUrl, metrics }));
    meterSqs(sqs, metrics);
    this.store = new MeteredStore(options.openStore(new MeteredThrottle(metrics)), metrics);
    this.#probe =
      options.port === null
        ? null
        : new FreshnessProbe({
            origin: options.workerUrl,
            onVisible: (index, seconds) => metrics.observeFreshness(index, seconds),
          });
    this.openCatalog = (index) =>
      meterCatalog(options.openCatalog(index), {
        metrics,
        onCommit: (generation) => this.#probe?.watch(index, generation),
      });
  }

  readonly onIndex = (index: string): void => this.#gauges.add(index);

  readonly onTimed = (stage: "encode" | "publish", seconds: number): void => {
    if (stage === "encode") this.metrics.observeEncode(seconds);
    else this.metrics.observePublish(seconds);
  };

  /**
   * Starts the page, if there is to be one.
   * @returns its port, and what ends page and probe
   * @throws LzeroError `port_in_use`
   */
  async serve(consumer: QueueConsumer): Promise<{ port: number | null; close: () => Promise<void> }> {
    const { port } = this.#options;
    if (port === null) return { port, close: async () => undefined };
    const server = await startMetricsServer({ port, metrics: this.metrics, health: () => consumer.health });
    return { port: server.port, close: () => server.close() };
  }
}

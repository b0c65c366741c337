/**
 * The consumer's figures as Prometheus series. Whoever does the work counts here; the page is made when it is asked for.
 * Names and labels are an interface: dashboards and alerts depend on them.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Progress } from "../consume/progress.ts";
import { billedSqsRequests, KV_DOLLARS, SQS_DOLLARS_PER_REQUEST } from "./prices.ts";

export type KvOperation = keyof typeof KV_DOLLARS;
export type CommitKind = "documents" | "merge";

/** From one small document to 10,000 long ones on one core. */
const ENCODE_BUCKETS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300];
const PUBLISH_BUCKETS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120];
/** The outbox puts once a second, isolates hold a manifest for ten, KV may be a minute behind. */
const FRESHNESS_BUCKETS = [0.5, 1, 2, 3, 5, 8, 12, 20, 30, 60, 90, 120];

/** What a scrape asks for anew; what it rejects with is left out of the page. */
export interface GaugeSource {
  refresh(): Promise<void>;
}

export class ConsumerMetrics {
  readonly registry = new Registry();
  readonly queueMessages: Gauge<"queue" | "state">;
  readonly pendingDocuments: Gauge<"index">;
  readonly oldestPending: Gauge<"index">;
  readonly segments: Gauge<"index">;
  readonly generation: Gauge<"index">;
  readonly #encodeSeconds: Histogram;
  readonly #publishSeconds: Histogram;
  readonly #freshness: Histogram<"index">;
  readonly #commits: Counter<"kind">;
  readonly #conflicts: Counter<"code">;
  readonly #kvKeys: Counter<"operation">;
  readonly #kvRequests: Counter;
  readonly #sqsRequests: Counter<"action">;
  readonly #dollars: Counter<"service">;
  readonly #sources: GaugeSource[] = [];

  constructor(progress: Progress) {
    const registers = [this.registry];
    const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
      new Gauge({ name, help, labelNames, registers });
    const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
      new Counter({ name, help, labelNames, registers });

    this.queueMessages = gauge("lzero_queue_messages", "Messages on the queue and its dead-letter queue.", [
      "queue",
      "state",
    ]);
    this.pendingDocuments = gauge("lzero_pending_documents", "Documents accepted and not settled.", [
      "index",
    ]);
    this.oldestPending = gauge(
      "lzero_oldest_pending_seconds",
      "How long the oldest pending document waits; 0 when there is none.",
      ["index"],
    );
    this.segments = gauge("lzero_segments", "Live segments.", ["index"]);
    this.generation = gauge("lzero_generation", "Current generation.", ["index"]);
    new Counter({
      name: "lzero_documents_total",
      help: "Documents that this process has received, encoded, published, or sent to the dead-letter queue.",
      labelNames: ["stage"],
      registers,
      collect() {
        this.reset();
        for (const stage of ["received", "encoded", "published", "dead"] as const)
          this.inc({ stage }, progress[stage]);
      },
    });
    this.#encodeSeconds = new Histogram({
      name: "lzero_encode_seconds",
      help: "Time to encode a batch.",
      buckets: ENCODE_BUCKETS,
      registers,
    });
    this.#publishSeconds = new Histogram({
      name: "lzero_publish_seconds",
      help: "Time from a batch's vectors to its commit.",
      buckets: PUBLISH_BUCKETS,
      registers,
    });
    this.#freshness = new Histogram({
      name: "lzero_freshness_seconds",
      help: "Time from a commit until the edge answers from its generation, as this process sees it.",
      buckets: FRESHNESS_BUCKETS,
      labelNames: ["index"],
      registers,
    });
    this.#commits = counter("lzero_commits_total", "Commits, of new documents and of merges.", ["kind"]);
    this.#conflicts = counter(
      "lzero_conflicts_total",
      "Commands that the catalog refused because another publisher, or time, was first.",
      ["code"],
    );
    this.#kvKeys = counter("lzero_kv_keys_total", "Keys read, written and deleted in KV.", ["operation"]);
    this.#kvRequests = counter(
      "lzero_kv_requests_total",
      "Requests to Cloudflare's API, repetitions included; it takes 1,200 in five minutes for an account.",
      [],
    );
    this.#sqsRequests = counter("lzero_sqs_requests_total", "Requests to SQS as they are billed.", [
      "action",
    ]);
    this.#dollars = counter("lzero_dollars_total", "What these cost by list price.", ["service"]);
    new Gauge({
      name: "process_resident_memory_bytes",
      help: "Resident memory of this process.",
      registers,
      collect() {
        this.set(process.memoryUsage.rss());
      },
    });
  }

  addSource(source: GaugeSource): void {
    this.#sources.push(source);
  }

  observeEncode(seconds: number): void {
    this.#encodeSeconds.observe(seconds);
  }

  observePublish(seconds: number): void {
    this.#publishSeconds.observe(seconds);
  }

  observeFreshness(index: string, seconds: number): void {
    this.#freshness.observe({ index }, seconds);
  }

  countCommit(kind: CommitKind): void {
    this.#commits.inc({ kind });
  }

  countConflict(code: string): void {
    this.#conflicts.inc({ code });
  }

  countKv(operation: KvOperation, keys: number): void {
    this.#kvKeys.inc({ operation }, keys);
    this.#dollars.inc({ service: "kv" }, keys * KV_DOLLARS[operation]);
  }

  countKvRequest(): void {
    this.#kvRequests.inc();
  }

  countSqs(action: string, payloadBytes: number): void {
    const requests = billedSqsRequests(payloadBytes);
    this.#sqsRequests.inc({ action }, requests);
    this.#dollars.inc({ service: "sqs" }, requests * SQS_DOLLARS_PER_REQUEST);
  }

  /** The page, in Prometheus' text format. */
  async render(): Promise<string> {
    await Promise.allSettled(this.#sources.map((source) => source.refresh()));
    return await this.registry.metrics();
  }
}

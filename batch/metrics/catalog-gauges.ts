/** What the catalog says of the indexes that this consumer serves, asked when a scrape wants to know. */
import type { CatalogStatus } from "../../shared/catalog/commands.ts";
import type { OpenCatalog } from "../catalog-port.ts";
import type { ConsumerMetrics, GaugeSource } from "./consumer-metrics.ts";

export interface CatalogGaugesOptions {
  /** Catalogs that give up soon: a scrape waits for them. */
  readonly openCatalog: OpenCatalog;
  readonly metrics: ConsumerMetrics;
  readonly now?: () => number;
}

export class CatalogGauges implements GaugeSource {
  readonly #options: CatalogGaugesOptions;
  readonly #indexes = new Set<string>();

  constructor(options: CatalogGaugesOptions) {
    this.#options = options;
  }

  /** From now on there are series of this index. */
  add(index: string): void {
    this.#indexes.add(index);
  }

  async refresh(): Promise<void> {
    await Promise.all([...this.#indexes].map((index) => this.#refreshOne(index)));
  }

  async #refreshOne(index: string): Promise<void> {
    const { metrics, openCatalog, now = Date.now } = this.#options;
    let status: CatalogStatus;
    try {
      status = await openCatalog(index).status();
    } catch {
      // An old number would look like a true one.
      const gauges = [metrics.pendingDocuments, metrics.oldestPending, metrics.segments, metrics.generation];
      for (const gauge of gauges) gauge.remove({ index });
      return;
    }
    const { pending, oldestPendingAtMs, segments, generation } = status;
    metrics.pendingDocuments.set({ index }, pending);
    const oldestMs = oldestPendingAtMs === null ? 0 : Math.max(0, now() - oldestPendingAtMs);
    metrics.oldestPending.set({ index }, oldestMs / 1000);
    metrics.segments.set({ index }, segments.length);
    metrics.generation.set({ index }, generation);
  }
}

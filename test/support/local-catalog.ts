/**
 * The pure catalog behind the batch side's port, in one process: requests pass the schemas as they do at the Worker's
 * routes, and the outbox puts manifests into a page store when told. Commands can be made to fail before or after
 * they take effect, as a network does.
 */
import type { CatalogPort, HistoryPort } from "../../batch/catalog-port.ts";
import { Catalog } from "../../shared/catalog/catalog.ts";
import {
  abortRequestSchema,
  type CatalogStatus,
  type CollectResponse,
  type CommitResponse,
  collectRequestSchema,
  commitRequestSchema,
  type IndexSettings,
  indexSettingsSchema,
  locateRequestSchema,
  type PendingResponse,
  pendingRequestSchema,
  type StageResponse,
  settleRequestSchema,
  stageRequestSchema,
  type WeighResponse,
  weighRequestSchema,
} from "../../shared/catalog/commands.ts";
import type { CatalogConfig } from "../../shared/catalog/config.ts";
import {
  type CompareResponse,
  compareRequestSchema,
  type GarbageResponse,
  type GenerationsResponse,
  garbageRequestSchema,
  type LocatedResponse,
  locatedRequestSchema,
  type PinResponse,
  pinRequestSchema,
  type RollbackResponse,
  rollbackRequestSchema,
} from "../../shared/catalog/history-commands.ts";
import { MemoryOrderedStore } from "../../shared/catalog/memory-ordered-store.ts";
import { LzeroError } from "../../shared/errors.ts";
import { encodeManifest, type Manifest } from "../../shared/format/manifest.ts";
import type { QueuedDocument, QueueMessage } from "../../shared/messages/queue-message.ts";
import { manifestKey } from "../../shared/storage/keys.ts";
import type { PageStore } from "../../shared/storage/page-store.ts";

export const TEST_SETTINGS: IndexSettings = indexSettingsSchema.parse({});

export type CommandName = keyof (CatalogPort & HistoryPort);

export class LocalCatalog implements CatalogPort, HistoryPort {
  readonly catalog: Catalog;
  readonly index: string;
  nowMs = 1_700_000_000_000;
  readonly #faults: { command: CommandName; when: "before" | "after"; error: Error }[] = [];
  #nextIngest = 1;

  constructor(index: string, config: Partial<CatalogConfig> = {}, settings: IndexSettings = TEST_SETTINGS) {
    this.index = index;
    this.catalog = new Catalog(new MemoryOrderedStore(), index, { now: () => this.nowMs, config });
    this.catalog.create(settings);
  }

  /** The next call of a command throws, without or with its effect. */
  fail(command: CommandName, when: "before" | "after", error?: Error): void {
    this.#faults.push({
      command,
      when,
      error: error ?? new LzeroError("catalog_unavailable", "the catalog does not answer", { command }),
    });
  }

  /** Accepts documents and makes the message that the edge would send. */
  accept(
    documents: readonly Pick<QueuedDocument, "id" | "text" | "ifVersion">[],
    index = this.index,
  ): QueueMessage {
    const ingestId = (this.#nextIngest++).toString(16).padStart(32, "0");
    const { firstVersion, acceptedAtMs } = this.catalog.accept({
      ingestId,
      positions: documents.length,
      rejected: [],
      digest: ingestId,
    });
    return {
      formatVersion: 1,
      index,
      ingestId,
      acceptedAtMs,
      documents: documents.map((document, position) => ({
        ...document,
        position,
        version: firstVersion + position,
      })),
    };
  }

  /** Puts the current manifest as the outbox does. */
  async putManifest(store: PageStore): Promise<void> {
    this.nowMs += 10_000;
    const put = this.catalog.outboxDue();
    if (put === null) return;
    await store.write([{ key: manifestKey(this.index), value: encodeManifest(put.manifest) }]);
    this.catalog.outboxAcknowledged(put.generation);
  }

  outcomes(ingestId: string): string[] {
    return this.catalog.ingestStatus(ingestId).documents.map(({ outcome }) => outcome);
  }

  async stage(request: unknown): Promise<StageResponse> {
    return this.#call("stage", () => this.catalog.stage(stageRequestSchema.parse(request)));
  }

  async locate(request: unknown): Promise<void> {
    this.#call("locate", () => this.catalog.locate(locateRequestSchema.parse(request)));
  }

  async commit(request: unknown): Promise<CommitResponse> {
    return this.#call("commit", () => this.catalog.commit(commitRequestSchema.parse(request)));
  }

  async abort(request: unknown): Promise<void> {
    this.#call("abort", () => this.catalog.abort(abortRequestSchema.parse(request)));
  }

  async settle(request: unknown): Promise<void> {
    this.#call("settle", () => this.catalog.settle(settleRequestSchema.parse(request)));
  }

  async status(): Promise<CatalogStatus> {
    return this.#call("status", () => this.catalog.status());
  }

  async collect(request: unknown): Promise<CollectResponse> {
    return this.#call("collect", () => this.catalog.collect(collectRequestSchema.parse(request)));
  }

  async pending(request: unknown): Promise<PendingResponse> {
    return this.#call("pending", () => this.catalog.pending(pendingRequestSchema.parse(request)));
  }

  async weigh(request: unknown): Promise<WeighResponse> {
    return this.#call("weigh", () => this.catalog.weigh(weighRequestSchema.parse(request)));
  }

  async generations(): Promise<GenerationsResponse> {
    return this.#call("generations", () => this.catalog.generations());
  }

  async rollback(request: unknown): Promise<RollbackResponse> {
    return this.#call("rollback", () => this.catalog.rollback(rollbackRequestSchema.parse(request)));
  }

  async pin(request: unknown): Promise<PinResponse> {
    return this.#call("pin", () => this.catalog.pin(pinRequestSchema.parse(request)));
  }

  async compare(request: unknown): Promise<CompareResponse> {
    return this.#call("compare", () => this.catalog.compare(compareRequestSchema.parse(request)));
  }

  async garbage(request: unknown): Promise<GarbageResponse> {
    return this.#call("garbage", () => this.catalog.garbage(garbageRequestSchema.parse(request)));
  }

  async located(request: unknown): Promise<LocatedResponse> {
    return this.#call("located", () => this.catalog.located(locatedRequestSchema.parse(request)));
  }

  async manifest(generation?: number): Promise<Manifest> {
    return this.#call("manifest", () => this.catalog.manifest(generation));
  }

  #call<Answer>(command: CommandName, run: () => Answer): Answer {
    const position = this.#faults.findIndex((fault) => fault.command === command);
    const fault = position < 0 ? null : this.#faults.splice(position, 1)[0]!;
    if (fault?.when === "before") throw fault.error;
    const answer = run();
    if (fault?.when === "after") throw fault.error;
    return answer;
  }
}

/**
 * The catalog's Durable Object, one for each index: the adapter between RPC, SQLite and alarms on one side and the
 * catalog's rules (shared/catalog) on the other. In: commands that the Worker's routes have checked against their
 * schemas. Out: results in an envelope, and the manifest in KV.
 *
 * It decides nothing itself. Requests are not checked again here: only this Worker can reach the object.
 */
import { DurableObject } from "cloudflare:workers";
import { Catalog } from "../shared/catalog/catalog.ts";
import type {
  AbortRequest,
  AcceptRequest,
  AcceptResponse,
  CatalogStatus,
  CollectRequest,
  CollectResponse,
  CommitRequest,
  CommitResponse,
  DocumentLocation,
  IndexSettings,
  IngestStatus,
  LocateRequest,
  PendingRequest,
  PendingResponse,
  RemoveRequest,
  RemoveResponse,
  SettleRequest,
  StageRequest,
  StageResponse,
  WeighRequest,
  WeighResponse,
} from "../shared/catalog/commands.ts";
import { storedIndexName } from "../shared/catalog/context.ts";
import type { CreateResponse } from "../shared/catalog/create.ts";
import type {
  CompareRequest,
  CompareResponse,
  GarbageRequest,
  GarbageResponse,
  GenerationsResponse,
  LocatedRequest,
  LocatedResponse,
  PinRequest,
  PinResponse,
  RollbackRequest,
  RollbackResponse,
} from "../shared/catalog/history-commands.ts";
import type { ShardPlace } from "../shared/catalog/shard-place.ts";
import { encodeManifest } from "../shared/format/manifest.ts";
import { manifestKey } from "../shared/storage/keys.ts";
import { readCatalogConfig } from "./catalog-config.ts";
import { type CatalogResult, encodeResult } from "./catalog-result.ts";
import type { Env } from "./env.ts";
import { SqliteOrderedStore } from "./sqlite-ordered-store.ts";

type Result<T> = Promise<CatalogResult<T>>;

export class CatalogObject extends DurableObject<Env> {
  readonly #store: SqliteOrderedStore;
  /** When the alarm rings; null when that is not known, as after a restart. */
  #alarmAtMs: number | null = null;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#store = new SqliteOrderedStore(context.storage);
  }

  create(index: string, settings: IndexSettings, shard: ShardPlace | null): Result<CreateResponse> {
    return this.#run(index, (catalog) => catalog.create(settings, shard));
  }

  accept(index: string, request: AcceptRequest): Result<AcceptResponse> {
    return this.#run(index, (catalog) => catalog.accept(request));
  }

  ingestStatus(index: string, ingestId: string): Result<IngestStatus> {
    return this.#run(index, (catalog) => catalog.ingestStatus(ingestId));
  }

  settle(index: string, request: SettleRequest): Result<void> {
    return this.#run(index, (catalog) => catalog.settle(request));
  }

  pending(index: string, request: PendingRequest): Result<PendingResponse> {
    return this.#run(index, (catalog) => catalog.pending(request));
  }

  stage(index: string, request: StageRequest): Result<StageResponse> {
    return this.#run(index, (catalog) => catalog.stage(request));
  }

  locate(index: string, request: LocateRequest): Result<void> {
    return this.#run(index, (catalog) => catalog.locate(request));
  }

  commit(index: string, request: CommitRequest): Result<CommitResponse> {
    return this.#run(index, (catalog) => catalog.commit(request));
  }

  abort(index: string, request: AbortRequest): Result<void> {
    return this.#run(index, (catalog) => catalog.abort(request));
  }

  remove(index: string, request: RemoveRequest): Result<RemoveResponse> {
    return this.#run(index, (catalog) => catalog.remove(request));
  }

  lookup(index: string, documentKey: string): Result<DocumentLocation | null> {
    return this.#run(index, (catalog) => catalog.lookup(documentKey));
  }

  collect(index: string, request: CollectRequest): Result<CollectResponse> {
    return this.#run(index, (catalog) => catalog.collect(request));
  }

  garbage(index: string, request: GarbageRequest): Result<GarbageResponse> {
    return this.#run(index, (catalog) => catalog.garbage(request));
  }

  weigh(index: string, request: WeighRequest): Result<WeighResponse> {
    return this.#run(index, (catalog) => catalog.weigh(request));
  }

  status(index: string): Result<CatalogStatus> {
    return this.#run(index, (catalog) => catalog.status());
  }

  generations(index: string): Result<GenerationsResponse> {
    return this.#run(index, (catalog) => catalog.generations());
  }

  rollback(index: string, request: RollbackRequest): Result<RollbackResponse> {
    return this.#run(index, (catalog) => catalog.rollback(request));
  }

  pin(index: string, request: PinRequest): Result<PinResponse> {
    return this.#run(index, (catalog) => catalog.pin(request));
  }

  compare(index: string, request: CompareRequest): Result<CompareResponse> {
    return this.#run(index, (catalog) => catalog.compare(request));
  }

  located(index: string, request: LocatedRequest): Result<LocatedResponse> {
    return this.#run(index, (catalog) => catalog.located(request));
  }

  /** A manifest as KV would hold it: the current one, or that of a retained generation. */
  manifest(index: string, generation?: number): Result<Uint8Array> {
    return this.#run(index, (catalog) => encodeManifest(catalog.manifest(generation)));
  }

  /** Puts the manifest that is due. The runtime starts no second alarm while one runs, so puts are serial. */
  override async alarm(): Promise<void> {
    this.#alarmAtMs = null;
    const index = storedIndexName(this.#store);
    if (index === null) return;
    const catalog = this.#catalog(index);
    try {
      const due = catalog.outboxDue();
      if (due !== null) {
        await this.env.INDEX.put(manifestKey(index), encodeManifest(due.manifest));
        catalog.outboxAcknowledged(due.generation);
      }
    } catch (cause) {
      // Not acknowledged, so it stays due. Throwing would leave it to the runtime, which gives up after six retries.
      console.error(JSON.stringify({ event: "manifest_put_failed", index, error: String(cause) }));
    }
    await this.#armAlarm(catalog);
  }

  /** Runs one command. There is no await between its writes and the alarm's, so that both are stored or neither. */
  async #run<T>(index: string, command: (catalog: Catalog) => T): Promise<CatalogResult<T>> {
    const opened = encodeResult(() => this.#catalog(index));
    if (!opened.ok) return opened;
    const result = encodeResult(() => command(opened.value));
    await this.#armAlarm(opened.value);
    return result;
  }

  /** Sets the alarm to when the outbox wants to put, unless it is known to ring by then. */
  async #armAlarm(catalog: Catalog): Promise<void> {
    const nextAtMs = catalog.outboxNextAtMs();
    if (nextAtMs === null || (this.#alarmAtMs !== null && this.#alarmAtMs <= nextAtMs)) return;
    this.#alarmAtMs = nextAtMs;
    await this.ctx.storage.setAlarm(nextAtMs);
  }

  /** @throws LzeroError `not_configured` */
  #catalog(index: string): Catalog {
    return new Catalog(this.#store, index, { now: () => Date.now(), config: readCatalogConfig(this.env) });
  }
}

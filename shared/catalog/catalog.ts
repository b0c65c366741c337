/**
 * The catalog of one index: a state machine over an ordered store and a clock, one method a command of commands.ts and
 * history-commands.ts, and those of the outbox. Every command is one transaction: it happens wholly or, when it throws, not at all. Nothing is
 * kept in memory between commands, so a new instance over the same store goes on where the last one stopped.
 *
 * Requests are taken as valid: whoever receives them from outside (the Worker's routes) checks them against their
 * schemas first. Nothing here is random, waits, or reads or writes pages.
 */
import type { Manifest } from "../format/manifest.ts";
import { collect, findGarbage } from "./collect.ts";
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
} from "./commands.ts";
import { commit } from "./commit.ts";
import { compare } from "./compare.ts";
import { type CatalogConfig, DEFAULT_CATALOG_CONFIG } from "./config.ts";
import { type CatalogContext, readState } from "./context.ts";
import { type CreateResponse, create, status } from "./create.ts";
import { describeGeneration } from "./generations.ts";
import { listGenerations, pin } from "./history.ts";
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
} from "./history-commands.ts";
import { accept, ingestStatus, listPending, settle } from "./ingests.ts";
import { located } from "./located.ts";
import type { OrderedStore } from "./ordered-store.ts";
import { type OutboxPut, outboxAcknowledged, outboxDue, outboxNextAtMs } from "./outbox.ts";
import { lookup, remove } from "./remove.ts";
import { rollback } from "./rollback.ts";
import { abort, locate, stage } from "./segments.ts";
import type { ShardPlace } from "./shard-place.ts";
import { weigh } from "./weigh.ts";

export interface CatalogOptions {
  /** Milliseconds since the epoch; may jump. */
  readonly now: () => number;
  readonly config?: Partial<CatalogConfig>;
}

export class Catalog {
  readonly #store: OrderedStore;
  readonly #index: string;
  readonly #now: () => number;
  readonly #config: CatalogConfig;

  constructor(store: OrderedStore, index: string, options: CatalogOptions) {
    this.#store = store;
    this.#index = index;
    this.#now = options.now;
    this.#config = { ...DEFAULT_CATALOG_CONFIG, ...options.config };
  }

  create(settings: IndexSettings, shard: ShardPlace | null = null): CreateResponse {
    return this.#run((context) => create(context, settings, shard));
  }

  accept(request: AcceptRequest): AcceptResponse {
    return this.#run((context) => accept(context, request));
  }

  ingestStatus(ingestId: string): IngestStatus {
    return this.#read((context) => ingestStatus(context, ingestId));
  }

  settle(request: SettleRequest): void {
    this.#run((context) => settle(context, request));
  }

  pending(request: PendingRequest): PendingResponse {
    return this.#read((context) => listPending(context, request));
  }

  stage(request: StageRequest): StageResponse {
    return this.#run((context) => stage(context, request));
  }

  locate(request: LocateRequest): void {
    this.#run((context) => locate(context, request));
  }

  commit(request: CommitRequest): CommitResponse {
    return this.#run((context) => commit(context, request));
  }

  abort(request: AbortRequest): void {
    this.#run((context) => abort(context, request));
  }

  remove(request: RemoveRequest): RemoveResponse {
    return this.#run((context) => remove(context, request));
  }

  lookup(documentKey: string): DocumentLocation | null {
    return this.#read((context) => lookup(context, documentKey));
  }

  collect(request: CollectRequest): CollectResponse {
    return this.#run((context) => collect(context, request));
  }

  garbage(request: GarbageRequest): GarbageResponse {
    return this.#read((context) => findGarbage(context, request));
  }

  generations(): GenerationsResponse {
    return this.#read((context) => listGenerations(context));
  }

  rollback(request: RollbackRequest): RollbackResponse {
    return this.#run((context) => rollback(context, request));
  }

  pin(request: PinRequest): PinResponse {
    return this.#run((context) => pin(context, request));
  }

  located(request: LocatedRequest): LocatedResponse {
    return this.#read((context) => located(context, request));
  }

  compare(request: CompareRequest): CompareResponse {
    return this.#read((context) => compare(context, request));
  }

  weigh(request: WeighRequest): WeighResponse {
    return this.#run((context) => weigh(context, request));
  }

  status(): CatalogStatus {
    return this.#read((context) => status(context));
  }

  /** The current generation, or an older one that is retained. @throws LzeroError `generation_not_found` */
  manifest(generation?: number): Manifest {
    return this.#read((context) => describeGeneration(context, readState(context), generation));
  }

  outboxNextAtMs(): number | null {
    return this.#read((context) => outboxNextAtMs(context));
  }

  outboxDue(): OutboxPut | null {
    return this.#run((context) => outboxDue(context));
  }

  outboxAcknowledged(generation: number): void {
    this.#run((context) => outboxAcknowledged(context, generation));
  }

  #run<T>(command: (context: CatalogContext) => T): T {
    const context = this.#context();
    return this.#store.transaction(() => command(context));
  }

  /** Commands are synchronous, so one that only reads sees one state without a transaction. */
  #read<T>(command: (context: CatalogContext) => T): T {
    return command(this.#context());
  }

  #context(): CatalogContext {
    return { store: this.#store, index: this.#index, config: this.#config, nowMs: this.#now() };
  }
}

/**
 * The catalog of an index as the Worker's routes see it: its commands as promises of values, or of the LzeroErrors that
 * commands.ts names. In: requests that the route has checked. It retries nothing.
 */
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
import { LzeroError } from "../shared/errors.ts";
import { type CatalogResult, decodeResult } from "./catalog-result.ts";
import type { Env } from "./env.ts";

/** Every method may also fail with `catalog_unavailable`: whether the command was done is then unknown. */
export interface CatalogClient {
  /** @param shard its place in a sharded index; none: the index is whole */
  create(settings: IndexSettings, shard?: ShardPlace): Promise<CreateResponse>;
  accept(request: AcceptRequest): Promise<AcceptResponse>;
  ingestStatus(ingestId: string): Promise<IngestStatus>;
  settle(request: SettleRequest): Promise<void>;
  pending(request: PendingRequest): Promise<PendingResponse>;
  stage(request: StageRequest): Promise<StageResponse>;
  locate(request: LocateRequest): Promise<void>;
  commit(request: CommitRequest): Promise<CommitResponse>;
  abort(request: AbortRequest): Promise<void>;
  remove(request: RemoveRequest): Promise<RemoveResponse>;
  lookup(documentKey: string): Promise<DocumentLocation | null>;
  collect(request: CollectRequest): Promise<CollectResponse>;
  garbage(request: GarbageRequest): Promise<GarbageResponse>;
  weigh(request: WeighRequest): Promise<WeighResponse>;
  status(): Promise<CatalogStatus>;
  generations(): Promise<GenerationsResponse>;
  rollback(request: RollbackRequest): Promise<RollbackResponse>;
  pin(request: PinRequest): Promise<PinResponse>;
  compare(request: CompareRequest): Promise<CompareResponse>;
  located(request: LocatedRequest): Promise<LocatedResponse>;
  /** A manifest, encoded as KV holds it: the current one, or that of a retained generation. */
  manifest(generation?: number): Promise<Uint8Array>;
}

export function catalogOf(env: Env, index: string): CatalogClient {
  const stub = env.CATALOG.get(env.CATALOG.idFromName(index));
  return {
    create: (settings, shard) => unwrap(stub.create(index, settings, shard ?? null)),
    accept: (request) => unwrap(stub.accept(index, request)),
    ingestStatus: (ingestId) => unwrap(stub.ingestStatus(index, ingestId)),
    settle: (request) => unwrap(stub.settle(index, request)),
    pending: (request) => unwrap(stub.pending(index, request)),
    stage: (request) => unwrap(stub.stage(index, request)),
    locate: (request) => unwrap(stub.locate(index, request)),
    commit: (request) => unwrap(stub.commit(index, request)),
    abort: (request) => unwrap(stub.abort(index, request)),
    remove: (request) => unwrap(stub.remove(index, request)),
    lookup: (documentKey) => unwrap(stub.lookup(index, documentKey)),
    collect: (request) => unwrap(stub.collect(index, request)),
    garbage: (request) => unwrap(stub.garbage(index, request)),
    weigh: (request) => unwrap(stub.weigh(index, request)),
    status: () => unwrap(stub.status(index)),
    generations: () => unwrap(stub.generations(index)),
    rollback: (request) => unwrap(stub.rollback(index, request)),
    pin: (request) => unwrap(stub.pin(index, request)),
    compare: (request) => unwrap(stub.compare(index, request)),
    located: (request) => unwrap(stub.located(index, request)),
    manifest: (generation) => unwrap(stub.manifest(index, generation)),
  };
}

/** @throws LzeroError the catalog's own, or `catalog_unavailable` when the call did not get through */
async function unwrap<T>(call: PromiseLike<CatalogResult<T>>): Promise<T> {
  let result: CatalogResult<T>;
  try {
    result = await call;
  } catch (cause) {
    if (isThrownByCatalog(cause)) throw cause;
    throw new LzeroError("catalog_unavailable", "the index's catalog does not answer", {}, cause);
  }
  return decodeResult(result);
}

/** The runtime marks errors that the object's own code threw (Cloudflare: "Durable Objects error handling"). */
function isThrownByCatalog(cause: unknown): boolean {
  return (cause as { remote?: boolean } | null)?.remote === true;
}

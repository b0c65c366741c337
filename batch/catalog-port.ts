/**
 * What the batch side asks of the catalog of one index: the commands marked (batch) in `shared/catalog/commands.ts`, and
 * those of `history-commands.ts` for operators. Every command may be repeated. `HttpCatalog` serves it over the internal
 * routes; in tests the pure catalog does.
 */
import type {
  AbortRequest,
  CatalogStatus,
  CollectRequest,
  CollectResponse,
  CommitRequest,
  CommitResponse,
  LocateRequest,
  PendingRequest,
  PendingResponse,
  SettleRequest,
  StageRequest,
  StageResponse,
  WeighRequest,
  WeighResponse,
} from "../shared/catalog/commands.ts";
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
import type { Manifest } from "../shared/format/manifest.ts";

export interface CatalogPort {
  stage(request: StageRequest): Promise<StageResponse>;
  locate(request: LocateRequest): Promise<void>;
  commit(request: CommitRequest): Promise<CommitResponse>;
  abort(request: AbortRequest): Promise<void>;
  settle(request: SettleRequest): Promise<void>;
  status(): Promise<CatalogStatus>;
  collect(request: CollectRequest): Promise<CollectResponse>;
  pending(request: PendingRequest): Promise<PendingResponse>;
  weigh(request: WeighRequest): Promise<WeighResponse>;
}

/** Generations, and what is left of them. */
export interface HistoryPort {
  generations(): Promise<GenerationsResponse>;
  rollback(request: RollbackRequest): Promise<RollbackResponse>;
  pin(request: PinRequest): Promise<PinResponse>;
  compare(request: CompareRequest): Promise<CompareResponse>;
  garbage(request: GarbageRequest): Promise<GarbageResponse>;
  located(request: LocatedRequest): Promise<LocatedResponse>;
  /** As the catalog knows it; KV may show an older one. @param generation default: the current one */
  manifest(generation?: number): Promise<Manifest>;
}

/** Opens the catalog of an index by its name. */
export type OpenCatalog = (index: string) => CatalogPort;

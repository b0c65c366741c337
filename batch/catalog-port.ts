/**
 * What the batch side asks of the catalog of one index: the commands marked (batch) in `shared/catalog/commands.ts`.
 * Every command may be repeated. `HttpCatalog` serves it over the internal routes; in tests the pure catalog does.
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

/** Opens the catalog of an index by its name. */
export type OpenCatalog = (index: string) => CatalogPort;

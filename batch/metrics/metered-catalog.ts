/** A catalog that counts commits by kind, and refusals that mean somebody else was first. */
import type {
  AbortRequest,
  CommitRequest,
  CommitResponse,
  LocateRequest,
  StageRequest,
  StageResponse,
} from "../../shared/catalog/commands.ts";
import { isLzeroError } from "../../shared/errors.ts";
import type { CatalogPort } from "../catalog-port.ts";
import type { CommitKind, ConsumerMetrics } from "./consumer-metrics.ts";

const CONFLICT_CODES = new Set([
  "lease_expired",
  "locate_conflict",
  "merge_conflict",
  "segment_exists",
  "segment_not_staged",
]);

export interface MeteredCatalogOptions {
  readonly metrics: ConsumerMetrics;
  readonly onCommit?: (generation: number) => void;
}

/** Wraps a catalog; commands that say nothing about contention go through as they are. */
export function meterCatalog(catalog: CatalogPort, options: MeteredCatalogOptions): CatalogPort {
  const { metrics, onCommit } = options;
  /** Segments between their staging and their end. */
  const kinds = new Map<string, CommitKind>();
  const counted = async <Answer>(call: Promise<Answer>): Promise<Answer> => {
    try {
      return await call;
    } catch (error) {
      if (isLzeroError(error) && CONFLICT_CODES.has(error.code)) metrics.countConflict(error.code);
      throw error;
    }
  };
  return {
    stage: (request: StageRequest): Promise<StageResponse> => {
      kinds.set(request.segmentId, request.replaces.length > 0 ? "merge" : "documents");
      return counted(catalog.stage(request));
    },
    locate: (request: LocateRequest) => counted(catalog.locate(request)),
    commit: async (request: CommitRequest): Promise<CommitResponse> => {
      const answer = await counted(catalog.commit(request));
      const kind = kinds.get(request.segmentId);
      // Asked again after an answer that was lost: it is the same commit.
      if (kind === undefined) return answer;
      kinds.delete(request.segmentId);
      metrics.countCommit(kind);
      if (kind === "documents") onCommit?.(answer.generation);
      return answer;
    },
    abort: async (request: AbortRequest): Promise<void> => {
      await catalog.abort(request);
      kinds.delete(request.segmentId);
    },
    settle: (request) => catalog.settle(request),
    status: () => catalog.status(),
    collect: (request) => catalog.collect(request),
    pending: (request) => catalog.pending(request),
    weigh: (request) => catalog.weigh(request),
  };
}

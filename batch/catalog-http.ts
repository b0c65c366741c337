/**
 * The catalog of one index over HTTP: JSON to the Worker's internal routes with the publish key. Problems (RFC 9457)
 * come back as LzeroErrors with their own code. Every command is idempotent, so a lost answer, 429 and 5xx are
 * answered by sending it again; what is then still unknown is `catalog_unavailable`.
 */
import { z } from "zod";
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
import { LzeroError } from "../shared/errors.ts";
import { decodeManifest, type Manifest } from "../shared/format/manifest.ts";
import type { CatalogPort, HistoryPort } from "./catalog-port.ts";
import { DEFAULT_RETRY_POLICY, type HttpAnswer, type RetryPolicy, requestWithRetry } from "./http-retry.ts";

export interface HttpCatalogOptions {
  /** Origin of the Worker, e.g. https://search.example.com */
  readonly origin: string;
  readonly publishKey: string;
  readonly index: string;
  readonly retry?: Partial<RetryPolicy>;
}

const detailSchema = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.null(),
  z.array(z.union([z.string(), z.number()])),
]);
/** A problem's own members and, beside them, what the error's details were. */
const problemSchema = z.looseObject({
  code: z.string(),
  type: z.string().optional(),
  status: z.number().optional(),
  title: z.string().optional(),
  detail: z.string().optional(),
});

export class HttpCatalog implements CatalogPort, HistoryPort {
  readonly #base: string;
  readonly #index: string;
  readonly #publishKey: string;
  readonly #retry: RetryPolicy;

  constructor(options: HttpCatalogOptions) {
    this.#index = options.index;
    this.#base = `${options.origin.replace(/\/+$/, "")}/internal/indexes/${encodeURIComponent(options.index)}`;
    this.#publishKey = options.publishKey;
    this.#retry = { ...DEFAULT_RETRY_POLICY, ...options.retry };
  }

  async stage(request: StageRequest): Promise<StageResponse> {
    return await this.#call<StageResponse>("stage", request);
  }

  async locate(request: LocateRequest): Promise<void> {
    await this.#call("locate", request);
  }

  async commit(request: CommitRequest): Promise<CommitResponse> {
    return await this.#call<CommitResponse>("commit", request);
  }

  async abort(request: AbortRequest): Promise<void> {
    await this.#call("abort", request);
  }

  async settle(request: SettleRequest): Promise<void> {
    await this.#call("settle", request);
  }

  async status(): Promise<CatalogStatus> {
    return await this.#call<CatalogStatus>("status", null);
  }

  async collect(request: CollectRequest): Promise<CollectResponse> {
    return await this.#call<CollectResponse>("collect", request);
  }

  async pending(request: PendingRequest): Promise<PendingResponse> {
    return await this.#call<PendingResponse>("pending", request);
  }

  async weigh(request: WeighRequest): Promise<WeighResponse> {
    return await this.#call<WeighResponse>("weigh", request);
  }

  async generations(): Promise<GenerationsResponse> {
    return await this.#call<GenerationsResponse>("generations", null);
  }

  async rollback(request: RollbackRequest): Promise<RollbackResponse> {
    return await this.#call<RollbackResponse>("rollback", request);
  }

  async pin(request: PinRequest): Promise<PinResponse> {
    return await this.#call<PinResponse>("pin", request);
  }

  async compare(request: CompareRequest): Promise<CompareResponse> {
    return await this.#call<CompareResponse>("compare", request);
  }

  async garbage(request: GarbageRequest): Promise<GarbageResponse> {
    return await this.#call<GarbageResponse>("garbage", request);
  }

  async located(request: LocatedRequest): Promise<LocatedResponse> {
    return await this.#call<LocatedResponse>("located", request);
  }

  async manifest(generation?: number): Promise<Manifest> {
    const command = generation === undefined ? "manifest" : `manifest?generation=${generation}`;
    const answer = await this.#send(command, null);
    if (answer.status !== 200) throw this.#describeRefusal(command, answer);
    return decodeManifest(answer.body, this.#index, `the catalog's ${command}`);
  }

  /** The answer's shape is trusted: it comes from the Worker of the same version, behind the key. */
  async #call<Answer>(command: string, request: object | null): Promise<Answer> {
    const answer = await this.#send(command, request);
    const value = parseJson(answer.body);
    if (answer.status >= 200 && answer.status < 300 && value !== undefined) return value as Answer;
    throw this.#describeRefusal(command, answer);
  }

  async #send(command: string, request: object | null): Promise<HttpAnswer> {
    const what = `catalog command ${command} for index ${this.#index}`;
    try {
      return await requestWithRetry(
        {
          method: request === null ? "GET" : "POST",
          url: `${this.#base}/${command}`,
          headers: {
            authorization: `Bearer ${this.#publishKey}`,
            accept: "application/json, application/problem+json",
            ...(request === null ? {} : { "content-type": "application/json" }),
          },
          ...(request === null ? {} : { body: JSON.stringify(request) }),
          what,
        },
        this.#retry,
      );
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : what;
      throw new LzeroError("catalog_unavailable", reason, { index: this.#index, command }, cause);
    }
  }

  #describeRefusal(command: string, answer: HttpAnswer): LzeroError {
    const problem = problemSchema.safeParse(parseJson(answer.body));
    if (problem.success) {
      const { code, title, detail, type: _type, status: _status, ...others } = problem.data;
      const details: Record<string, z.infer<typeof detailSchema>> = {};
      for (const [name, member] of Object.entries(others)) {
        const parsed = detailSchema.safeParse(member);
        if (parsed.success) details[name] = parsed.data;
      }
      return new LzeroError(code, detail ?? title ?? code, {
        ...details,
        index: this.#index,
        command,
        status: answer.status,
      });
    }
    return new LzeroError(
      "catalog_refused",
      `catalog command ${command} for index ${this.#index}: status ${answer.status} without a problem that says why`,
      {
        index: this.#index,
        command,
        status: answer.status,
      },
    );
  }
}

/** @returns undefined for what is not JSON */
function parseJson(body: Uint8Array): unknown {
  if (body.byteLength === 0) return {};
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}

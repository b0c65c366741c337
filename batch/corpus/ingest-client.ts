/**
 * The public HTTP API from a sender's side: create an index, send documents, ask what became of them, search. Requests
 * are repeated when that is safe: documents go with an Idempotency-Key, the rest changes nothing twice.
 */
import { createHash } from "node:crypto";
import type { CatalogStatus, IndexSettings, IngestStatus } from "../../shared/catalog/commands.ts";
import { LzeroError } from "../../shared/errors.ts";
import {
  DEFAULT_RETRY_POLICY,
  type HttpAnswer,
  type HttpRequest,
  type RetryPolicy,
  requestWithRetry,
  TransientHttpError,
} from "../http-retry.ts";

export interface RejectedPosition {
  readonly position: number;
  readonly id?: string;
  readonly code: string;
  readonly message: string;
  readonly retryable?: boolean;
}

export interface SendAnswer {
  /** Null when no document of the request was acceptable. */
  readonly ingestId: string | null;
  readonly accepted: number;
  readonly rejected: readonly RejectedPosition[];
}

export interface SearchHit {
  readonly id: string;
  readonly score: number;
  readonly title: string | null;
  readonly url: string | null;
  readonly text: string;
}

export interface SearchAnswer {
  readonly generation: number;
  readonly hits: readonly SearchHit[];
  readonly warnings: readonly unknown[];
  readonly stats: Readonly<Record<string, number>>;
}

export interface IngestClientOptions {
  /** Origin of the Worker. */
  readonly url: string;
  /** Needed for everything except `status` and `search`. */
  readonly writeKey?: string;
  readonly retry?: Partial<RetryPolicy>;
}

/** The ingest that an Idempotency-Key stands for: first 128 bits of SHA-256 over index, line feed and key, in hex. */
export function ingestIdOf(index: string, idempotencyKey: string): string {
  return createHash("sha256").update(`${index}\n${idempotencyKey}`).digest("hex").slice(0, 32);
}

export class IngestClient {
  readonly #origin: string;
  readonly #writeKey: string | null;
  readonly #retry: RetryPolicy;

  constructor(options: IngestClientOptions) {
    this.#origin = options.url.replace(/\/+$/, "");
    this.#writeKey = options.writeKey ?? null;
    this.#retry = { ...DEFAULT_RETRY_POLICY, ...options.retry };
  }

  /** Creates an index or finds it with equal settings. @throws LzeroError `index_conflict` */
  async createIndex(index: string, settings: Partial<IndexSettings>): Promise<void> {
    await this.#call(`creating index ${index}`, "PUT", `/v1/indexes/${index}`, {
      body: JSON.stringify(settings),
      type: "application/json",
    });
  }

  /** @returns null when there is no such index */
  async status(index: string): Promise<CatalogStatus | null> {
    return await this.#callOrNull<CatalogStatus>(`status of ${index}`, `/v1/indexes/${index}`);
  }

  /**
   * Sends one request of documents.
   * @param body a JSON array of at most 500 documents
   */
  async sendDocuments(index: string, body: string, idempotencyKey: string): Promise<SendAnswer> {
    const answer = await this.#send(
      `sending documents to ${index}`,
      "POST",
      `/v1/indexes/${index}/documents`,
      {
        body,
        type: "application/json",
        idempotencyKey,
      },
    );
    // 422: every document was refused, and each is named as in a 202.
    if (answer.status !== 202 && answer.status !== 422)
      throw problemOf(`sending documents to ${index}`, answer);
    return parse<SendAnswer>(answer);
  }

  /** @returns null when there is no such ingest */
  async ingestStatus(index: string, ingestId: string): Promise<IngestStatus | null> {
    return await this.#callOrNull<IngestStatus>(
      `status of ingest ${ingestId}`,
      `/v1/indexes/${index}/ingests/${ingestId}`,
    );
  }

  /** @throws LzeroError with the API's code */
  async search(index: string, query: string, k: number, minGeneration?: number): Promise<SearchAnswer> {
    const body = JSON.stringify({ q: query, k, minGeneration });
    return await this.#call(`search in ${index}`, "POST", `/v1/indexes/${index}/search`, {
      body,
      type: "application/json",
    });
  }

  async #callOrNull<T>(what: string, path: string): Promise<T | null> {
    const answer = await this.#send(what, "GET", path);
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw problemOf(what, answer);
    return parse<T>(answer);
  }

  async #call<T>(what: string, method: HttpRequest["method"], path: string, content?: Content): Promise<T> {
    const answer = await this.#send(what, method, path, content);
    if (answer.status < 200 || answer.status > 299) throw problemOf(what, answer);
    return parse<T>(answer);
  }

  async #send(
    what: string,
    method: HttpRequest["method"],
    path: string,
    content?: Content,
  ): Promise<HttpAnswer> {
    try {
      return await requestWithRetry(
        {
          method,
          url: `${this.#origin}${path}`,
          headers: {
            ...(this.#writeKey === null ? {} : { authorization: `Bearer ${this.#writeKey}` }),
            ...(content === undefined ? {} : { "content-type": content.type }),
            ...(content?.idempotencyKey === undefined ? {} : { "idempotency-key": content.idempotencyKey }),
          },
          ...(content === undefined ? {} : { body: content.body }),
          what,
        },
        this.#retry,
      );
    } catch (error) {
      if (!(error instanceof TransientHttpError)) throw error;
      throw new LzeroError(
        "api_unavailable",
        `${this.#origin} does not answer as it should (${error.message}): is it running, and is the URL right?`,
        { url: this.#origin, status: error.status },
        error,
      );
    }
  }
}

interface Content {
  readonly body: string;
  readonly type: string;
  readonly idempotencyKey?: string;
}

function parse<T>(answer: HttpAnswer): T {
  return JSON.parse(new TextDecoder().decode(answer.body)) as T;
}

/** The API's problem details (RFC 9457) as an error of ours. */
function problemOf(what: string, answer: HttpAnswer): LzeroError {
  const text = new TextDecoder().decode(answer.body);
  let problem: { code?: unknown; detail?: unknown } = {};
  try {
    problem = JSON.parse(text) as typeof problem;
  } catch {
    // Not from the API itself: a proxy, or another server on that port.
  }
  const code = typeof problem.code === "string" ? problem.code : "api_failed";
  const detail = typeof problem.detail === "string" ? problem.detail : text.slice(0, 200);
  const advice = answer.status === 401 ? "; set LZERO_WRITE_KEY to the Worker's write key" : "";
  return new LzeroError(code, `${what}: ${detail} (status ${answer.status})${advice}`, {
    status: answer.status,
  });
}

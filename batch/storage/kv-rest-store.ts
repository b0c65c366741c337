/**
 * A page store over Cloudflare's REST API for Workers KV (developers.cloudflare.com/api/resources/kv):
 *
 *     PUT  {base}/accounts/{account}/storage/kv/namespaces/{namespace}/bulk          [{key, value, base64: true}]
 *     GET  {base}/accounts/{account}/storage/kv/namespaces/{namespace}/values/{key}
 *     POST {base}/accounts/{account}/storage/kv/namespaces/{namespace}/bulk/delete   [key]
 *
 * Bulk answers of 200 may name `unsuccessful_keys`: those are sent again, and everything is when names or the count
 * are not those of the request. Every request may be repeated, because
 * writing or deleting the same entry twice is harmless; so a lost answer costs a repetition and nothing else.
 * It hides no staleness: after a write a read may give null or an older value for a minute.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { LzeroError } from "../../shared/errors.ts";
import type { PageEntry, PageStore } from "../../shared/storage/page-store.ts";
import {
  DEFAULT_RETRY_POLICY,
  type HttpAnswer,
  type HttpRequest,
  type RetryPolicy,
  requestWithRetry,
  TransientHttpError,
} from "../http-retry.ts";
import { checkEntry, checkKey } from "./check-entry.ts";
import { RequestThrottle } from "./request-throttle.ts";

/** Pairs of one bulk request, and keys of one bulk delete (API reference, KV bulk update and bulk delete). */
export const MAX_BULK_PAIRS = 10_000;
/** The API takes 100 MB a request; smaller ones lose less when one fails. A larger single value goes alone. */
export const TARGET_BULK_BYTES = 20_000_000;
/** Error code of a 404 that means the namespace, not the key. */
const NAMESPACE_NOT_FOUND = 10013;

export interface KvRestStoreOptions {
  /** https://api.cloudflare.com/client/v4 or a server with the same routes. */
  readonly baseUrl: string;
  readonly accountId: string;
  readonly namespaceId: string;
  readonly apiToken: string;
  /** Shared by all stores of a process. */
  readonly throttle?: RequestThrottle;
  readonly retry?: Partial<RetryPolicy>;
  readonly maxBulkPairs?: number;
  readonly targetBulkBytes?: number;
}

const bulkAnswerSchema = z.object({
  success: z.boolean(),
  errors: z.array(z.object({ code: z.number().optional(), message: z.string() })).nullish(),
  result: z
    .object({
      successful_key_count: z.number().nullish(),
      unsuccessful_keys: z.array(z.string()).nullish(),
    })
    .nullish(),
});

export class KvRestStore implements PageStore {
  readonly #namespaceUrl: string;
  readonly #apiToken: string;
  readonly #throttle: RequestThrottle;
  readonly #retry: RetryPolicy;
  readonly #maxBulkPairs: number;
  readonly #targetBulkBytes: number;

  constructor(options: KvRestStoreOptions) {
    const account = encodeURIComponent(options.accountId);
    const namespace = encodeURIComponent(options.namespaceId);
    this.#namespaceUrl = `${options.baseUrl.replace(/\/+$/, "")}/accounts/${account}/storage/kv/namespaces/${namespace}`;
    this.#apiToken = options.apiToken;
    this.#throttle = options.throttle ?? new RequestThrottle();
    this.#retry = { ...DEFAULT_RETRY_POLICY, ...options.retry };
    this.#maxBulkPairs = options.maxBulkPairs ?? MAX_BULK_PAIRS;
    this.#targetBulkBytes = options.targetBulkBytes ?? TARGET_BULK_BYTES;
  }

  async read(key: string): Promise<Uint8Array | null> {
    checkKey(key);
    const answer = await this.#send("storage_read_failed", [key], {
      method: "GET",
      url: `${this.#namespaceUrl}/values/${encodeURIComponent(key)}`,
      what: `KV read of ${key}`,
    });
    if (answer.status === 200) return answer.body;
    if (answer.status === 404 && !errorCodes(answer).includes(NAMESPACE_NOT_FOUND)) return null;
    throw refusal("storage_read_failed", "read", [key], answer);
  }

  async write(entries: readonly PageEntry[]): Promise<void> {
    for (const { key, value } of entries) checkEntry(key, value);
    // The last entry of a key wins, as it does in a store that writes them one after the other.
    const distinct = [...new Map(entries.map((entry) => [entry.key, entry])).values()];
    const requests = this.#splitWrites(distinct);
    for (const [position, request] of requests.entries()) {
      const later = requests.slice(position + 1).flatMap((rest) => rest.map((entry) => entry.key));
      await this.#sendBulk(
        "storage_write_failed",
        "write",
        new Map(request.map((entry) => [entry.key, entry])),
        (rest) => ({
          method: "PUT",
          url: `${this.#namespaceUrl}/bulk`,
          body: JSON.stringify(rest.map(({ key, value }) => ({ key, value: toBase64(value), base64: true }))),
        }),
        later,
      );
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) checkKey(key);
    const distinct = [...new Set(keys)];
    for (let start = 0; start < distinct.length; start += this.#maxBulkPairs) {
      const end = start + this.#maxBulkPairs;
      await this.#sendBulk(
        "storage_delete_failed",
        "delete",
        new Map(distinct.slice(start, end).map((key) => [key, key])),
        (rest) => ({ method: "POST", url: `${this.#namespaceUrl}/bulk/delete`, body: JSON.stringify(rest) }),
        distinct.slice(end),
      );
    }
  }

  /** Sends one bulk request until no key is left over; each round names only the keys that failed before. */
  async #sendBulk<T>(
    code: string,
    verb: string,
    items: Map<string, T>,
    build: (items: T[]) => Pick<HttpRequest, "method" | "url" | "body">,
    laterKeys: readonly string[],
  ): Promise<void> {
    let rest = items;
    for (let round = 1; ; round++) {
      const missing = () => [...rest.keys(), ...laterKeys];
      const answer = await this.#send(code, missing(), {
        ...build([...rest.values()]),
        what: `KV bulk ${verb} of ${rest.size} keys`,
      });
      const parsed = bulkAnswerSchema.safeParse(parseJson(answer.body));
      if (answer.status !== 200 || !parsed.success || !parsed.data.success) {
        throw refusal(code, verb, missing(), answer);
      }
      const failed = new Set(parsed.data.result?.unsuccessful_keys ?? []);
      const failedItems = new Map([...rest].filter(([key]) => failed.has(key)));
      const done = parsed.data.result?.successful_key_count ?? rest.size - failed.size;
      // An answer that names other keys, or counts fewer, is of another request: nothing is known of this one.
      const isOfThis = failedItems.size === failed.size && done >= rest.size - failed.size;
      if (isOfThis) rest = failedItems;
      if (rest.size === 0) return;
      if (round >= this.#retry.attempts) {
        throw new LzeroError(code, `KV did not ${verb} ${rest.size} keys in ${round} requests`, {
          keys: missing(),
        });
      }
      const delayMs = Math.min(this.#retry.maxDelayMs, this.#retry.minDelayMs * 2 ** (round - 1));
      await sleep(delayMs * (1 + Math.random()));
    }
  }

  async #send(
    code: string,
    keys: readonly string[],
    request: Pick<HttpRequest, "method" | "url" | "body" | "what">,
  ): Promise<HttpAnswer> {
    try {
      return await requestWithRetry(
        {
          ...request,
          headers: {
            authorization: `Bearer ${this.#apiToken}`,
            ...(request.body === undefined ? {} : { "content-type": "application/json" }),
          },
          beforeAttempt: () => this.#throttle.acquire(),
        },
        this.#retry,
      );
    } catch (cause) {
      const status = cause instanceof TransientHttpError ? cause.status : null;
      const reason = cause instanceof Error ? cause.message : "unknown failure";
      throw new LzeroError(
        code,
        `${reason}, after ${this.#retry.attempts} attempts`,
        { keys, status },
        cause,
      );
    }
  }

  #splitWrites(entries: readonly PageEntry[]): PageEntry[][] {
    const requests: PageEntry[][] = [];
    let open: PageEntry[] = [];
    let openBytes = 0;
    for (const entry of entries) {
      const sizeBytes = Math.ceil(entry.value.byteLength / 3) * 4 + entry.key.length + 40;
      if (
        open.length > 0 &&
        (open.length >= this.#maxBulkPairs || openBytes + sizeBytes > this.#targetBulkBytes)
      ) {
        requests.push(open);
        open = [];
        openBytes = 0;
      }
      open.push(entry);
      openBytes += sizeBytes;
    }
    if (open.length > 0) requests.push(open);
    return requests;
  }
}

function toBase64(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return null;
  }
}

function errorCodes(answer: HttpAnswer): number[] {
  const parsed = bulkAnswerSchema.safeParse(parseJson(answer.body));
  return parsed.success ? (parsed.data.errors ?? []).flatMap((error) => error.code ?? []) : [];
}

/** An answer that repeating would not change: wrong token, unknown namespace, malformed request. */
function refusal(code: string, verb: string, keys: readonly string[], answer: HttpAnswer): LzeroError {
  const parsed = bulkAnswerSchema.safeParse(parseJson(answer.body));
  const messages = parsed.success ? (parsed.data.errors ?? []).map((error) => error.message).join("; ") : "";
  return new LzeroError(
    code,
    `KV refused to ${verb} with status ${answer.status}${messages && `: ${messages}`}`,
    {
      keys,
      status: answer.status,
    },
  );
}

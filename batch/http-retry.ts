/**
 * One HTTP request with a time-out, retried when it failed in a way that may pass: no answer, 429, 5xx. A
 * `Retry-After` is waited for in full (RFC 9110, section 10.2.3); other waits grow exponentially with jitter.
 * It does not know what is idempotent: callers hand over only requests that may be sent twice.
 */
import { setTimeout as sleep } from "node:timers/promises";
import pRetry from "p-retry";

export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly attempts: number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Time-out of one attempt, body included. */
  readonly timeoutMs: number;
  /** A longer `Retry-After` is cut to this. Cloudflare blocks for at most five minutes. */
  readonly maxRetryAfterMs: number;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  attempts: 8,
  minDelayMs: 250,
  maxDelayMs: 20_000,
  timeoutMs: 60_000,
  maxRetryAfterMs: 310_000,
};

/** A failure that may pass by itself. */
export class TransientHttpError extends Error {
  readonly status: number | null;
  readonly retryAfterMs: number | null;

  constructor(message: string, status: number | null, retryAfterMs: number | null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "TransientHttpError";
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Says what was asked for in error messages, without secrets. */
  readonly what: string;
  /** Called before every attempt, e.g. to wait for a rate limit. */
  readonly beforeAttempt?: () => Promise<void>;
}

/**
 * Sends a request until an answer other than 429 and 5xx arrives.
 * @throws TransientHttpError when the attempts are used up
 */
export async function requestWithRetry(request: HttpRequest, policy: RetryPolicy): Promise<HttpAnswer> {
  return await pRetry(
    async () => {
      await request.beforeAttempt?.();
      return await attempt(request, policy.timeoutMs);
    },
    {
      retries: policy.attempts - 1,
      minTimeout: policy.minDelayMs,
      maxTimeout: policy.maxDelayMs,
      randomize: true,
      shouldRetry: ({ error }) => error instanceof TransientHttpError,
      onFailedAttempt: async ({ error, retriesLeft }) => {
        if (retriesLeft > 0 && error instanceof TransientHttpError && error.retryAfterMs !== null) {
          await sleep(Math.min(error.retryAfterMs, policy.maxRetryAfterMs));
        }
      },
    },
  );
}

async function attempt(request: HttpRequest, timeoutMs: number): Promise<HttpAnswer> {
  let status: number;
  let headers: Headers;
  let body: Uint8Array;
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.headers,
      ...(request.body === undefined ? {} : { body: request.body }),
      // A redirect would carry the key to another place.
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    status = response.status;
    headers = response.headers;
    body = new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    const reason =
      cause instanceof Error && cause.name === "TimeoutError" ? `no answer in ${timeoutMs} ms` : "no answer";
    throw new TransientHttpError(`${request.what}: ${reason}`, null, null, cause);
  }
  if (status === 429 || status >= 500) {
    throw new TransientHttpError(
      `${request.what}: status ${status}`,
      status,
      parseRetryAfter(headers.get("retry-after"), Date.now()),
    );
  }
  return { status, contentType: headers.get("content-type") ?? "", body };
}

/** Reads `Retry-After`: seconds or an HTTP date. @returns milliseconds from `nowMs`, or null when absent or unreadable */
export function parseRetryAfter(value: string | null, nowMs: number): number | null {
  if (value === null || value.trim() === "") return null;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}

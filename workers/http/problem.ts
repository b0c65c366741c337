/**
 * Errors → RFC 9457 problem details. In: anything thrown. Out: `application/problem+json` with a stable code, never a
 * stack. Errors that are not ours, and those that speak of storage, are logged with the request's id.
 */
import { type ErrorDetails, isLzeroError, type LzeroError } from "../../shared/errors.ts";

/** HTTP status of each code that may reach a client. A code that is absent here is a fault of ours: 500. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  body_invalid: 400,
  body_not_array: 400,
  condition_invalid: 400,
  documents_missing: 400,
  idempotency_key_invalid: 400,
  index_name_invalid: 400,
  json_invalid: 400,
  parameter_invalid: 400,
  parameter_repeated: 400,
  parameter_unknown: 400,
  query_empty: 400,
  query_too_long: 400,
  utf8_invalid: 400,
  version_not_allowed: 400,
  version_required: 400,
  id_empty: 400,
  id_invalid: 400,
  id_too_long: 400,
  unauthorized: 401,
  key_scope: 403,
  document_not_found: 404,
  compare_cursor_invalid: 400,
  generation_not_found: 404,
  index_not_found: 404,
  ingest_not_found: 404,
  route_not_found: 404,
  segment_not_found: 404,
  method_not_allowed: 405,
  generation_conflict: 409,
  generation_not_reached: 409,
  idempotency_conflict: 409,
  index_conflict: 409,
  lease_expired: 409,
  locate_conflict: 409,
  merge_conflict: 409,
  model_mismatch: 409,
  only_through_front: 409,
  segment_committed: 409,
  segment_exists: 409,
  segment_in_use: 409,
  segment_incomplete: 409,
  segment_not_staged: 409,
  too_many_pins: 409,
  version_conflict: 409,
  version_superseded: 409,
  generation_collected: 410,
  body_too_large: 413,
  too_many_documents: 413,
  answer_too_large: 413,
  content_encoding_unsupported: 415,
  content_type_unsupported: 415,
  documents_rejected: 422,
  settings_not_shardable: 422,
  too_many_pending: 429,
  only_on_shards: 501,
  catalog_unavailable: 503,
  index_unavailable: 503,
  not_configured: 503,
  queue_unavailable: 503,
  shard_unavailable: 503,
  shards_disagree: 503,
};

const TITLE_BY_STATUS: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  410: "Gone",
  413: "Content too large",
  415: "Unsupported media type",
  422: "Unprocessable content",
  429: "Too many requests",
  500: "Internal error",
  501: "Not implemented",
  503: "Service unavailable",
};

/** Faults of stored bytes: the answer is 503 and keeps the key names to itself, the log has them. */
const STORAGE_CODE = /^(page_|manifest_|tables_|vocabulary_invalid$|ordinal_out_of_range$|storage_)/;

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly [detail: string]: unknown;
}

/** What a thrown value becomes, and whether the log should have it. */
export function describeError(error: unknown, requestId: string): { problem: Problem; isOurFault: boolean } {
  if (isLzeroError(error)) {
    const status = STATUS_BY_CODE[error.code];
    if (status !== undefined) {
      return { problem: makeProblem(error.code, status, error.message, error.details), isOurFault: false };
    }
    if (STORAGE_CODE.test(error.code)) {
      const detail = "a part of the index cannot be read at the moment; try again";
      return { problem: makeProblem(error.code, 503, detail, { requestId }), isOurFault: true };
    }
  }
  const detail = "an internal error; the log has it under this request's id";
  return { problem: makeProblem("internal_error", 500, detail, { requestId }), isOurFault: true };
}

export function makeProblem(
  code: string,
  status: number,
  detail: string,
  details: ErrorDetails | Readonly<Record<string, unknown>> = {},
): Problem {
  const title = TITLE_BY_STATUS[status] ?? "Error";
  // The members of RFC 9457 come last: no detail may overwrite them.
  return { ...details, type: `urn:lzero:problem:${code}`, title, status, detail, code };
}

export function problemResponse(problem: Problem): Response {
  const headers = new Headers({ "content-type": "application/problem+json; charset=utf-8" });
  headers.set("cache-control", "no-store");
  if (problem.status === 401) headers.set("www-authenticate", "Bearer");
  if (problem.status === 503) headers.set("retry-after", "2");
  if (problem.status === 429) headers.set("retry-after", String(problem.retryAfterSeconds ?? 10));
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

/** One line of JSON for the log, with the chain of causes. Query text and keys of clients never enter it. */
export function logError(error: unknown, requestId: string, route: string): void {
  const causes: unknown[] = [];
  for (let cause = error; cause instanceof Error && causes.length < 5; cause = cause.cause) {
    const { code, details } = cause as Partial<LzeroError>;
    causes.push({ name: cause.name, message: cause.message, code, details, stack: cause.stack });
  }
  if (causes.length === 0) causes.push({ message: String(error) });
  console.error(JSON.stringify({ level: "error", requestId, route, causes }));
}

/** Every limit on input, in one place, with its unit. The API documentation quotes these. */

/** Documents in one `POST …/documents`. */
export const MAX_DOCUMENTS_PER_REQUEST = 500;
export const MAX_REQUEST_BODY_BYTES = 5 * 1024 * 1024;
/** One document as JSON in UTF-8. */
export const MAX_DOCUMENT_BYTES = 200 * 1024;
/** A document's id in UTF-8. */
export const MAX_DOCUMENT_ID_BYTES = 512;
/**
 * A packed queue message in UTF-8, envelope included: one document of the largest size always fits, and the whole
 * stays under SQS's older bound of 256 KiB (AWS: "Amazon SQS message quotas").
 */
export const MAX_MESSAGE_BYTES = 204 * 1024;
/** A message is closed when its documents reach this; a larger one holds a single document. */
export const TARGET_MESSAGE_BYTES = 200 * 1024;

export const MAX_QUERY_BYTES = 2048;
export const MAX_K = 100;
export const DEFAULT_K = 10;
/** offset + k. */
export const MAX_RESULT_WINDOW = 1000;
/**
 * Shards of a sharded index. A request may call 32 service bindings (Cloudflare docs, "Workers limits"): all shards, and
 * one of them again.
 */
export const MAX_SHARDS = 30;
/** Versions given by clients: integers that a double holds exactly. */
export const MAX_VERSION = Number.MAX_SAFE_INTEGER;

/**
 * The message that the edge puts on the queue and the batch job takes off it: JSON, `formatVersion` 1, or 2 when a
 * document of it is a conditional write, which a reader of 1 must not take for another.
 *
 *     {"formatVersion":1,"index":"demo","ingestId":"…32 hex…","acceptedAtMs":1763884800000,
 *      "documents":[{"position":0,"version":17,"id":"a","title":"…","text":"…"}]}
 *
 * The queue is at-least-once and unordered; nothing here relies on order. Both sides treat a message as hostile: size
 * before parse, schema before use.
 */
import * as z from "zod";
import { LzeroError } from "../errors.ts";
import { INDEX_NAME_PATTERN } from "../storage/keys.ts";
import { metadataSchema, versionSchema } from "./document.ts";
import { MAX_MESSAGE_BYTES } from "./limits.ts";

export const INGEST_ID_PATTERN = /^[0-9a-f]{32}$/;

/** One document of a message: what the client sent, its place in the request and the version that orders writes. */
export const queuedDocumentSchema = z.strictObject({
  position: z.int().min(0),
  version: versionSchema,
  id: z.string().min(1),
  title: z.string().optional(),
  text: z.string(),
  url: z.string().optional(),
  metadata: metadataSchema.optional(),
  /** A conditional write: the version that its document must be at when it is committed; null: there must be none. */
  ifVersion: versionSchema.nullable().optional(),
});
export type QueuedDocument = z.infer<typeof queuedDocumentSchema>;

export const queueMessageSchema = z.strictObject({
  formatVersion: z.union([z.literal(1), z.literal(2)]),
  index: z.string().regex(INDEX_NAME_PATTERN),
  ingestId: z.string().regex(INGEST_ID_PATTERN),
  acceptedAtMs: z.int().min(0),
  /** W3C trace context of the request that accepted the documents. */
  traceparent: z.string().max(64).optional(),
  documents: z.array(queuedDocumentSchema).min(1),
});
export type QueueMessage = z.infer<typeof queueMessageSchema>;

/**
 * Parses and checks a message body.
 * @throws LzeroError `message_invalid` saying what is wrong and where, `message_version_newer` for a later format
 */
export function decodeQueueMessage(body: string): QueueMessage {
  if (body.length > MAX_MESSAGE_BYTES) {
    throw new LzeroError(
      "message_invalid",
      `the message has ${body.length} characters, at most ${MAX_MESSAGE_BYTES} are read`,
      {
        length: body.length,
      },
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new LzeroError("message_invalid", "the message is not JSON", {}, cause);
  }
  const version = (value as { formatVersion?: unknown } | null)?.formatVersion;
  if (typeof version === "number" && version > 2) {
    throw new LzeroError(
      "message_version_newer",
      `the message has format ${version}, this reader knows 1 and 2`,
      { version },
    );
  }
  const parsed = queueMessageSchema.safeParse(value);
  if (!parsed.success) {
    throw new LzeroError(
      "message_invalid",
      `the message does not fit its schema: ${z.prettifyError(parsed.error)}`,
    );
  }
  return parsed.data;
}

/** The oldest format that says all of some documents. */
export function messageFormatOf(documents: readonly QueuedDocument[]): QueueMessage["formatVersion"] {
  return documents.some(({ ifVersion }) => ifVersion !== undefined) ? 2 : 1;
}

/**
 * Writes a message. SQS takes only characters that XML 1.0 allows; JSON escapes the control characters itself, and
 * the two non-characters U+FFFE and U+FFFF are escaped here.
 */
export function encodeQueueMessage(message: QueueMessage): string {
  return JSON.stringify(message).replace(/[\uFFFE\uFFFF]/g, (character) =>
    character === "\uFFFE" ? "\\ufffe" : "\\uffff",
  );
}

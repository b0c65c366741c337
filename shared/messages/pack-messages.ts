/**
 * Accepted documents → queue messages. In: documents with position and version. Out: message bodies, each within
 * MAX_MESSAGE_BYTES, that hold every document once and in order. Sends nothing.
 */
import { LzeroError } from "../errors.ts";
import { MAX_MESSAGE_BYTES, TARGET_MESSAGE_BYTES } from "./limits.ts";
import {
  encodeQueueMessage,
  messageFormatOf,
  type QueuedDocument,
  type QueueMessage,
} from "./queue-message.ts";
import { queuedSizeBytes } from "./size.ts";

export type MessageEnvelope = Omit<QueueMessage, "documents" | "formatVersion">;

export interface PackedMessage {
  readonly body: string;
  readonly sizeBytes: number;
  /** Positions of the documents within, ascending. */
  readonly positions: readonly number[];
}

/**
 * Fills messages up to TARGET_MESSAGE_BYTES in order of position; a document that is larger has its message alone.
 * @throws LzeroError `message_too_large` naming the position
 */
export function packMessages(
  envelope: MessageEnvelope,
  documents: readonly QueuedDocument[],
): PackedMessage[] {
  const envelopeBytes = queuedSizeBytes({ formatVersion: 1, ...envelope, documents: [] });
  const messages: PackedMessage[] = [];
  let batch: QueuedDocument[] = [];
  let batchBytes = envelopeBytes;
  const close = (): void => {
    if (batch.length === 0) return;
    messages.push({
      body: encodeQueueMessage({ ...envelope, formatVersion: messageFormatOf(batch), documents: batch }),
      sizeBytes: batchBytes,
      positions: batch.map((document) => document.position),
    });
    batch = [];
    batchBytes = envelopeBytes;
  };
  for (const document of documents) {
    const sizeBytes = queuedSizeBytes(document);
    if (envelopeBytes + sizeBytes > MAX_MESSAGE_BYTES) {
      throw new LzeroError("message_too_large", `position ${document.position} does not fit in a message`, {
        position: document.position,
        sizeBytes: envelopeBytes + sizeBytes,
        limitBytes: MAX_MESSAGE_BYTES,
      });
    }
    const comma = batch.length === 0 ? 0 : 1;
    if (batchBytes + comma + sizeBytes > TARGET_MESSAGE_BYTES) close();
    batchBytes += sizeBytes + (batch.length === 0 ? 0 : 1);
    batch.push(document);
  }
  close();
  return messages;
}

/**
 * Checked documents on their way in: recorded by the catalog as one ingest, and put on the queue. In: documents with
 * their positions. Out: the positions that failed by their condition, and those that the queue did not take.
 *
 * When the queue takes only a part, what it did not take stays pending in the catalog if the request can be repeated,
 * because repeating it sends exactly those again; if nobody can, they are settled as failed.
 */
import type { AcceptRequest, AcceptResponse, PendingLimits } from "../../shared/catalog/commands.ts";
import { documentKey } from "../../shared/catalog/document-key.ts";
import { packMessages } from "../../shared/messages/pack-messages.ts";
import type { PositionedDocument, RejectedDocument } from "../../shared/messages/parse-documents.ts";
import type { QueuedDocument } from "../../shared/messages/queue-message.ts";
import type { CatalogClient } from "../catalog-client.ts";
import { logError } from "../http/problem.ts";
import type { QueueSender } from "../sqs.ts";

export interface DocumentsToRecord {
  readonly index: string;
  readonly ingestId: string;
  /** Positions in the request. */
  readonly positions: number;
  /** Positions that are not among the documents. */
  readonly absent: readonly number[];
  readonly digest: string;
  readonly documents: readonly PositionedDocument[];
  /** Null: there is always room. */
  readonly limits: PendingLimits | null;
  /** Whether the client can repeat the request as the same ingest. */
  readonly isRepeatable: boolean;
  readonly traceparent: string | null;
}

export interface RecordedDocuments {
  readonly conflicts: readonly RejectedDocument[];
  readonly notTaken: readonly RejectedDocument[];
}

/** @throws LzeroError what `accept` of the catalog names */
export async function recordDocuments(
  catalog: CatalogClient,
  sender: QueueSender,
  requestId: string,
  request: DocumentsToRecord,
): Promise<RecordedDocuments> {
  const { index, ingestId, positions, absent, digest, documents, limits, traceparent } = request;
  const accepted = await catalog.accept({
    ingestId,
    positions,
    rejected: [...absent],
    digest,
    ...(limits === null ? {} : { limits }),
    ...conditionsOf(documents),
  });
  const envelope = { index, ingestId, acceptedAtMs: accepted.acceptedAtMs };
  const messages = packMessages(
    traceparent === null ? envelope : { ...envelope, traceparent },
    queuedDocuments(documents, accepted),
  );
  const notTaken = messages.length === 0 ? [] : await sender.send(messages);
  if (notTaken.length > 0 && !request.isRepeatable) {
    await settleNotTaken(catalog, requestId, ingestId, notTaken);
  }
  const ids = new Map(documents.map(({ position, document }) => [position, document.id]));
  const { conflicts = [] } = accepted;
  return {
    conflicts: conflicts.map(({ position, message }) => ({
      position,
      id: ids.get(position)!,
      code: "version_conflict",
      message,
    })),
    notTaken: notTaken.map((position) => ({ position, id: ids.get(position)!, ...NOT_TAKEN })),
  };
}

/** That the catalog does not answer now must not hide from the client what the queue took. */
async function settleNotTaken(
  catalog: CatalogClient,
  requestId: string,
  ingestId: string,
  positions: readonly number[],
): Promise<void> {
  const { code, message } = NOT_TAKEN;
  const outcomes = positions.map((position) => ({
    ingestId,
    position,
    outcome: "failed" as const,
    code,
    message,
  }));
  try {
    await catalog.settle({ outcomes });
  } catch (error) {
    logError(error, requestId, "settle after a write of documents");
  }
}

const NOT_TAKEN = {
  code: "queue_unavailable",
  message: "the queue did not take this document; send it again",
  retryable: true,
} as const;

/** What goes on the queue: documents that are still pending, each with its version. */
function queuedDocuments(
  documents: readonly PositionedDocument[],
  { firstVersion, pending }: AcceptResponse,
): QueuedDocument[] {
  const isPending = new Set(pending);
  return documents
    .filter(({ position }) => isPending.has(position))
    .map(({ position, document }) => {
      const { version = firstVersion + position, ...fields } = document;
      return { position, version, ...fields };
    });
}

/** What the conditional writes among the documents ask for. */
function conditionsOf(documents: readonly PositionedDocument[]): Pick<AcceptRequest, "conditions"> {
  const conditions = documents.flatMap(({ position, document: { id, ifVersion } }) =>
    ifVersion === undefined ? [] : [{ position, key: documentKey(id), ifVersion }],
  );
  return conditions.length === 0 ? {} : { conditions };
}

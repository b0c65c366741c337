/**
 * Documents of a request on their way in: checked, recorded by the catalog as one ingest, and put on the queue. In: a
 * body. Out: the answer. Both the route of many documents and that of one end here.
 *
 * When the queue takes only a part, the answer names the positions that it did not take, as retryable. With an
 * Idempotency-Key they stay pending in the catalog, because repeating the request with the same key sends exactly
 * those again; without one nobody can repeat this ingest, so that they are settled as failed.
 */
import type { AcceptRequest, AcceptResponse } from "../../shared/catalog/commands.ts";
import { documentKey } from "../../shared/catalog/document-key.ts";
import { packMessages } from "../../shared/messages/pack-messages.ts";
import {
  type BodyFormat,
  type ParsedDocuments,
  parseDocuments,
  type RejectedDocument,
} from "../../shared/messages/parse-documents.ts";
import type { QueuedDocument } from "../../shared/messages/queue-message.ts";
import { parseTraceparent } from "../../shared/messages/trace-context.ts";
import { logError, makeProblem, problemResponse } from "../http/problem.ts";
import { indexSettings } from "../index-settings.ts";
import { readPendingLimits } from "../pending-limits.ts";
import type { AppContext, Services } from "../services.ts";
import { makeQueueSender } from "../sqs.ts";
import { chooseIngestId, hashHex } from "./ingest-id.ts";

export interface DocumentsRequest {
  readonly index: string;
  readonly format: BodyFormat;
  /** Reads the body once nothing else can refuse the request. */
  readonly readBody: () => Promise<Uint8Array>;
}

/** @throws LzeroError what the parts of it name: configuration, body, catalog */
export async function acceptDocuments(
  context: AppContext,
  services: Services,
  { index, format, readBody }: DocumentsRequest,
): Promise<Response> {
  const { headers } = context.req.raw;
  const sender = makeQueueSender(context.env, services);
  const limits = readPendingLimits(context.env);
  const idempotencyKey = headers.get("idempotency-key");
  const ingestId = await chooseIngestId(index, idempotencyKey);
  const body = await readBody();
  const catalog = services.catalogOf(context.env, index);
  const settings = await indexSettings(services.cache, catalog, index);
  const parsed = parseDocuments(body, format, settings);
  if (parsed.accepted.length === 0) return answerNothing(parsed.rejected);

  const accepted = await catalog.accept({
    ingestId,
    positions: parsed.positions,
    rejected: parsed.rejected.map(({ position }) => position),
    digest: await hashHex(body),
    limits,
    ...conditionsOf(parsed),
  });
  const traceparent = parseTraceparent(headers.get("traceparent"));
  const messages = packMessages(
    {
      index,
      ingestId,
      acceptedAtMs: accepted.acceptedAtMs,
      ...(traceparent === null ? {} : { traceparent }),
    },
    queuedDocuments(parsed, accepted),
  );
  const notTaken = await sender.send(messages);
  if (notTaken.length > 0 && idempotencyKey === null) {
    await settleNotTaken(context, services, index, ingestId, notTaken);
  }
  return answerIngest(index, ingestId, parsed, accepted, notTaken);
}

/** That the catalog does not answer now must not hide from the client what the queue took. */
async function settleNotTaken(
  context: AppContext,
  services: Services,
  index: string,
  ingestId: string,
  positions: readonly number[],
): Promise<void> {
  const outcomes = positions.map((position) => ({
    ingestId,
    position,
    outcome: "failed" as const,
    code: NOT_TAKEN.code,
    message: NOT_TAKEN.message,
  }));
  try {
    await services.catalogOf(context.env, index).settle({ outcomes });
  } catch (error) {
    logError(error, context.get("requestId"), "settle after a write of documents");
  }
}

const NOT_TAKEN = {
  code: "queue_unavailable",
  message: "the queue did not take this document; send it again",
  retryable: true,
} as const;

/** What goes on the queue: accepted positions that are still pending, each with its version. */
function queuedDocuments(
  parsed: ParsedDocuments,
  { firstVersion, pending }: AcceptResponse,
): QueuedDocument[] {
  const isPending = new Set(pending);
  return parsed.accepted
    .filter(({ position }) => isPending.has(position))
    .map(({ position, document }) => {
      const { version = firstVersion + position, ...fields } = document;
      return { position, version, ...fields };
    });
}

/** What the conditional writes among the documents ask for. */
function conditionsOf({ accepted }: ParsedDocuments): Pick<AcceptRequest, "conditions"> {
  const conditions = accepted.flatMap(({ position, document: { id, ifVersion } }) =>
    ifVersion === undefined ? [] : [{ position, key: documentKey(id), ifVersion }],
  );
  return conditions.length === 0 ? {} : { conditions };
}

function answerNothing(rejected: readonly RejectedDocument[]): Response {
  const body = { ingestId: null, accepted: 0, rejected };
  return problemResponse(makeProblem("documents_rejected", 422, "every document was rejected", body));
}

function answerIngest(
  index: string,
  ingestId: string,
  parsed: ParsedDocuments,
  { conflicts = [] }: AcceptResponse,
  notTaken: readonly number[],
): Response {
  const ids = new Map(parsed.accepted.map(({ position, document }) => [position, document.id]));
  const late = conflicts.map(({ position, message }) => ({
    position,
    id: ids.get(position)!,
    code: "version_conflict",
    message,
  }));
  const refused = notTaken.map((position) => ({ position, id: ids.get(position)!, ...NOT_TAKEN }));
  const rejected = [...parsed.rejected, ...late, ...refused].sort(
    (left, right) => left.position - right.position,
  );
  const accepted = parsed.accepted.length - conflicts.length - notTaken.length;
  const body = { ingestId, accepted, rejected };
  if (accepted === 0 && notTaken.length === 0) {
    const [first] = late;
    return problemResponse(makeProblem("version_conflict", 409, first?.message ?? "", body));
  }
  if (accepted === 0) {
    return problemResponse(
      makeProblem("queue_unavailable", 503, "the queue took no document; try again", body),
    );
  }
  const location = `/v1/indexes/${index}/ingests/${ingestId}`;
  return Response.json(body, { status: 202, headers: { location, "cache-control": "no-store" } });
}

/**
 * Documents in: `POST …/documents` checks them, has the catalog record one ingest, and puts them on the queue. Also
 * `GET …/ingests/{ingestId}`, which tells what became of them.
 *
 * When the queue takes only a part, the answer names the positions that it did not take, as retryable. With an
 * Idempotency-Key they stay pending in the catalog, because repeating the request with the same key sends exactly
 * those again; without one nobody can repeat this ingest, so that they are settled as failed.
 */
import type { AcceptResponse } from "../../shared/catalog/commands.ts";
import { LzeroError } from "../../shared/errors.ts";
import { MAX_REQUEST_BODY_BYTES } from "../../shared/messages/limits.ts";
import { packMessages } from "../../shared/messages/pack-messages.ts";
import {
  type BodyFormat,
  type ParsedDocuments,
  parseDocuments,
  type RejectedDocument,
} from "../../shared/messages/parse-documents.ts";
import { INGEST_ID_PATTERN, type QueuedDocument } from "../../shared/messages/queue-message.ts";
import { parseTraceparent } from "../../shared/messages/trace-context.ts";
import { requireKey } from "../http/auth.ts";
import { readBody, requireContentType } from "../http/body.ts";
import { logError, makeProblem, problemResponse } from "../http/problem.ts";
import { indexSettings } from "../index-settings.ts";
import { readPendingLimits } from "../pending-limits.ts";
import type { App, AppContext, Services } from "../services.ts";
import { makeQueueSender } from "../sqs.ts";
import { checkIndexName } from "./index-name.ts";
import { chooseIngestId, hashHex } from "./ingest-id.ts";

const FORMAT_BY_TYPE: Readonly<Record<string, BodyFormat>> = {
  "application/json": "json",
  "application/x-ndjson": "ndjson",
  "application/ndjson": "ndjson",
  "application/jsonl": "ndjson",
};

export function addDocumentRoutes(app: App, services: Services): void {
  app.post("/v1/indexes/:index/documents", async (context) => {
    const request = context.req.raw;
    await requireKey(request, context.env, "write");
    const index = checkIndexName(context.req.param("index"));
    const format = FORMAT_BY_TYPE[requireContentType(request, Object.keys(FORMAT_BY_TYPE))]!;
    const sender = makeQueueSender(context.env, services);
    const limits = readPendingLimits(context.env);
    const idempotencyKey = request.headers.get("idempotency-key");
    const ingestId = await chooseIngestId(index, idempotencyKey);
    const body = await readBody(request, MAX_REQUEST_BODY_BYTES);
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
    });
    const traceparent = parseTraceparent(request.headers.get("traceparent"));
    const messages = packMessages(
      {
        formatVersion: 1,
        index,
        ingestId,
        acceptedAtMs: accepted.acceptedAtMs,
        ...(traceparent === null ? {} : { traceparent }),
      },
      queuedDocuments(parsed, accepted),
    );
    const notTaken = await sender.send(messages);
    if (notTaken.length > 0 && idempotencyKey === null) {
      await settleNotTaken(context, ingestId, notTaken);
    }
    return answerIngest(index, ingestId, parsed, notTaken);
  });

  app.get("/v1/indexes/:index/ingests/:ingestId", async (context) => {
    await requireKey(context.req.raw, context.env, "write");
    const index = checkIndexName(context.req.param("index"));
    const ingestId = context.req.param("ingestId");
    if (!INGEST_ID_PATTERN.test(ingestId)) {
      throw new LzeroError("ingest_not_found", "an ingest's id is 32 hex digits");
    }
    return context.json(await services.catalogOf(context.env, index).ingestStatus(ingestId));
  });

  /** That the catalog does not answer now must not hide from the client what the queue took. */
  async function settleNotTaken(
    context: AppContext,
    ingestId: string,
    positions: readonly number[],
  ): Promise<void> {
    const index = context.req.param("index") ?? "";
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
      logError(error, context.get("requestId"), "settle after POST documents");
    }
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

function answerNothing(rejected: readonly RejectedDocument[]): Response {
  const body = { ingestId: null, accepted: 0, rejected };
  return problemResponse(makeProblem("documents_rejected", 422, "every document was rejected", body));
}

function answerIngest(
  index: string,
  ingestId: string,
  parsed: ParsedDocuments,
  notTaken: readonly number[],
): Response {
  const ids = new Map(parsed.accepted.map(({ position, document }) => [position, document.id]));
  const refused = notTaken.map((position) => ({ position, id: ids.get(position)!, ...NOT_TAKEN }));
  const rejected = [...parsed.rejected, ...refused].sort((left, right) => left.position - right.position);
  const accepted = parsed.accepted.length - notTaken.length;
  const body = { ingestId, accepted, rejected };
  if (accepted === 0) {
    return problemResponse(
      makeProblem("queue_unavailable", 503, "the queue took no document; try again", body),
    );
  }
  const location = `/v1/indexes/${index}/ingests/${ingestId}`;
  return Response.json(body, { status: 202, headers: { location, "cache-control": "no-store" } });
}

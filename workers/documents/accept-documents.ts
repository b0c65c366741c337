/**
 * Documents of a request on their way in: checked, recorded as one ingest, and put on the queue. In: a body. Out: the
 * answer. Both the route of many documents and that of one end here.
 */
import { type BodyFormat, parseDocuments } from "../../shared/messages/parse-documents.ts";
import { parseTraceparent } from "../../shared/messages/trace-context.ts";
import { indexFacts } from "../index-settings.ts";
import { readPendingLimits } from "../pending-limits.ts";
import type { AppContext, Services } from "../services.ts";
import { makeQueueSender } from "../sqs.ts";
import { answerIngest, answerNothing } from "./answer-ingest.ts";
import { chooseIngestId, hashHex } from "./ingest-id.ts";
import { recordDocuments } from "./record-documents.ts";

export interface DocumentsRequest {
  readonly index: string;
  readonly format: BodyFormat;
  /** Reads the body once nothing else can refuse the request. */
  readonly readBody: () => Promise<Uint8Array>;
}

/** Answers a write: this Worker's own way, or a front's. */
export type AcceptDocuments = (
  context: AppContext,
  services: Services,
  request: DocumentsRequest,
) => Promise<Response>;

/** @throws LzeroError what the parts of it name: configuration, body, catalog */
export const acceptDocuments: AcceptDocuments = async (context, services, { index, format, readBody }) => {
  const { headers } = context.req.raw;
  const sender = makeQueueSender(context.env, services);
  const limits = readPendingLimits(context.env);
  const idempotencyKey = headers.get("idempotency-key");
  const ingestId = await chooseIngestId(index, idempotencyKey);
  const body = await readBody();
  const catalog = services.catalogOf(context.env, index);
  const { settings } = await indexFacts(services.cache, catalog, index);
  const parsed = parseDocuments(body, format, settings);
  if (parsed.accepted.length === 0) return answerNothing(parsed.rejected);
  const recorded = await recordDocuments(catalog, sender, context.get("requestId"), {
    index,
    ingestId,
    positions: parsed.positions,
    absent: parsed.rejected.map(({ position }) => position),
    digest: await hashHex(body),
    documents: parsed.accepted,
    limits,
    isRepeatable: idempotencyKey !== null,
    traceparent: parseTraceparent(headers.get("traceparent")),
  });
  return answerIngest(index, ingestId, parsed, recorded);
};

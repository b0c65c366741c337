/** The answer to a write of documents: what was accepted, and by position what was not and why. */
import type { ParsedDocuments, RejectedDocument } from "../../shared/messages/parse-documents.ts";
import { makeProblem, problemResponse } from "../http/problem.ts";
import type { RecordedDocuments } from "./record-documents.ts";

/** No document fits: nothing was recorded. */
export function answerNothing(rejected: readonly RejectedDocument[]): Response {
  const body = { ingestId: null, accepted: 0, rejected };
  return problemResponse(makeProblem("documents_rejected", 422, "every document was rejected", body));
}

export function answerIngest(
  index: string,
  ingestId: string,
  parsed: ParsedDocuments,
  { conflicts, notTaken }: RecordedDocuments,
): Response {
  const rejected = [...parsed.rejected, ...conflicts, ...notTaken].sort(
    (left, right) => left.position - right.position,
  );
  const accepted = parsed.accepted.length - conflicts.length - notTaken.length;
  const body = { ingestId, accepted, rejected };
  if (accepted === 0 && notTaken.length === 0) {
    return problemResponse(makeProblem("version_conflict", 409, conflicts[0]?.message ?? "", body));
  }
  if (accepted === 0) return problemResponse(describeRefusal(notTaken, body));
  const location = `/v1/indexes/${index}/ingests/${ingestId}`;
  return Response.json(body, { status: 202, headers: { location, "cache-control": "no-store" } });
}

/** Why nothing went in, for all positions together. */
function describeRefusal(
  notTaken: readonly RejectedDocument[],
  body: object,
): ReturnType<typeof makeProblem> {
  const codes = new Set(notTaken.map(({ code }) => code));
  const { message = "" } = notTaken.find(({ code }) => code !== "queue_unavailable") ?? {};
  if (codes.has("shard_unavailable")) return makeProblem("shard_unavailable", 503, message, { ...body });
  if (codes.has("queue_unavailable")) {
    return makeProblem("queue_unavailable", 503, "the queue took no document; try again", { ...body });
  }
  return makeProblem("too_many_pending", 429, message, { ...body });
}

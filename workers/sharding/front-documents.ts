/**
 * Writes through a front. One ingest id stands for the request in every shard, with the positions of the request, so
 * that a front keeps nothing: the shard by the id's own hash is the ingest's home. The home is asked first and remembers
 * each ingest, even one without a document of its own, so that an Idempotency-Key stands for one request over all
 * shards. A shard that does not accept its part is in the answer by position; repeating the request with the same key
 * sends exactly what is missing.
 */
import { documentKey } from "../../shared/catalog/document-key.ts";
import { placeOfKey } from "../../shared/catalog/shard-place.ts";
import { isLzeroError } from "../../shared/errors.ts";
import {
  type PositionedDocument,
  parseDocuments,
  type RejectedDocument,
} from "../../shared/messages/parse-documents.ts";
import type { DocumentsRequest } from "../documents/accept-documents.ts";
import { answerIngest, answerNothing } from "../documents/answer-ingest.ts";
import { chooseIngestId, hashHex } from "../documents/ingest-id.ts";
import { logError } from "../http/problem.ts";
import { indexFacts } from "../index-settings.ts";
import type { AppContext, Services } from "../services.ts";
import { type Front, frontOf } from "./shard-client.ts";
import type { ShardAnswer } from "./shard-commands.ts";

type Accepted = ShardAnswer<"accept">;

/** @throws LzeroError those of the body, and those of the home, which nothing was sent to then */
export async function acceptFrontDocuments(
  context: AppContext,
  services: Services,
  { index, format, readBody }: DocumentsRequest,
): Promise<Response> {
  const front = frontOf(context, index);
  const idempotencyKey = context.req.header("idempotency-key") ?? null;
  const chosenId = await chooseIngestId(index, idempotencyKey);
  const body = await readBody();
  const status = () => front.call(placeOfKey(chosenId, front.shards), "status", {});
  const { settings } = await indexFacts(services.cache, { status }, index);
  const parsed = parseDocuments(body, format, settings);
  if (parsed.accepted.length === 0) return answerNothing(parsed.rejected);

  const byPlace = groupByPlace(parsed.accepted, front.shards);
  // Without a key any id will do: one whose home has a document saves a call.
  const ingestId =
    idempotencyKey === null ? await chooseIdAt(index, byPlace.keys().next().value!, front.shards) : chosenId;
  const home = placeOfKey(ingestId, front.shards);
  const digest = await hashHex(body);
  const send = (place: number): Promise<Accepted> =>
    front.call(place, "accept", {
      ingestId,
      positions: parsed.positions,
      digest,
      isRepeatable: idempotencyKey !== null,
      documents: (byPlace.get(place) ?? []).map(({ position, document }) => ({ position, ...document })),
    });

  const answers = [await send(home)];
  const others = [...byPlace.keys()].filter((place) => place !== home);
  const missing: RejectedDocument[] = [];
  for (const [at, settled] of (await front.callEach(others, send)).entries()) {
    if (settled.status === "fulfilled") answers.push(settled.value);
    else missing.push(...describeMissing(byPlace.get(others[at]!)!, settled.reason));
  }
  await noteMissing(front, home, ingestId, missing, context.get("requestId"));
  const conflicts = answers.flatMap((answer) => answer.conflicts) as RejectedDocument[];
  const notTaken = answers.flatMap((answer) => answer.notTaken) as RejectedDocument[];
  return answerIngest(index, ingestId, parsed, { conflicts, notTaken: [...notTaken, ...missing] });
}

function groupByPlace(
  documents: readonly PositionedDocument[],
  shards: number,
): Map<number, PositionedDocument[]> {
  const byPlace = new Map<number, PositionedDocument[]>();
  for (const positioned of documents) {
    const place = placeOfKey(documentKey(positioned.document.id), shards);
    const group = byPlace.get(place) ?? [];
    group.push(positioned);
    byPlace.set(place, group);
  }
  return byPlace;
}

async function chooseIdAt(index: string, place: number, shards: number): Promise<string> {
  for (;;) {
    const ingestId = await chooseIngestId(index, null);
    if (placeOfKey(ingestId, shards) === place) return ingestId;
  }
}

/** Why the documents of a shard are not accepted, for all that is known. */
function describeMissing(documents: readonly PositionedDocument[], error: unknown): RejectedDocument[] {
  if (!isLzeroError(error)) throw error;
  const { code, message } = error;
  return documents.map(({ position, document: { id } }) => ({
    position,
    id,
    code,
    message,
    retryable: true,
  }));
}

/** The home remembers what no shard has, so that the ingest's status can say so. A shard that has it after all wins. */
async function noteMissing(
  front: Front,
  home: number,
  ingestId: string,
  missing: readonly RejectedDocument[],
  requestId: string,
): Promise<void> {
  if (missing.length === 0) return;
  const outcomes = missing.map(({ position, code, message }) => ({
    ingestId,
    position,
    outcome: "failed" as const,
    code,
    message,
  }));
  try {
    await front.call(home, "settle", { outcomes });
  } catch (error) {
    logError(error, requestId, "settle after a write of documents to shards");
  }
}

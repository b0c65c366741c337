/** A shard's side of a write: documents that the front has checked, with their positions in the client's request. */
import { documentKey } from "../../shared/catalog/document-key.ts";
import { placeOfKey, type ShardPlace } from "../../shared/catalog/shard-place.ts";
import { LzeroError } from "../../shared/errors.ts";
import type { DocumentInput } from "../../shared/messages/document-input.ts";
import { parseTraceparent } from "../../shared/messages/trace-context.ts";
import { type RecordedDocuments, recordDocuments } from "../documents/record-documents.ts";
import { indexFacts } from "../index-settings.ts";
import { readPendingLimits } from "../pending-limits.ts";
import type { AppContext, Services } from "../services.ts";
import { makeQueueSender } from "../sqs.ts";
import type { ShardAnswer, ShardRequest } from "./shard-commands.ts";

/** @throws LzeroError `shards_disagree` for a document of another shard, and those of `recordDocuments` */
export async function acceptShardDocuments(
  context: AppContext,
  services: Services,
  index: string,
  { place, of }: ShardPlace,
  request: ShardRequest<"accept">,
): Promise<ShardAnswer<"accept">> {
  const catalog = services.catalogOf(context.env, index);
  const { settings } = await indexFacts(services.cache, catalog, index);
  for (const { id, version } of request.documents) {
    if (placeOfKey(documentKey(id), of) !== place) {
      throw new LzeroError("shards_disagree", `a document was sent to shard ${place} that is not of it`);
    }
    if ((version === undefined) !== (settings.versions === "sequence")) {
      throw new LzeroError("shards_disagree", `shard ${place} has ${settings.versions} versions`);
    }
  }
  const { ingestId, positions, digest, isRepeatable } = request;
  const own = new Set(request.documents.map(({ position }) => position));
  const recorded: RecordedDocuments = await recordDocuments(
    catalog,
    makeQueueSender(context.env, services),
    context.get("requestId"),
    {
      index,
      ingestId,
      positions,
      absent: Array.from({ length: positions }, (_, position) => position).filter((at) => !own.has(at)),
      digest,
      documents: request.documents.map(({ position, ...document }) => ({
        position,
        // JSON has no undefined: a field that is not there is absent.
        document: document as DocumentInput,
      })),
      limits: own.size === 0 ? null : readPendingLimits(context.env),
      isRepeatable,
      traceparent: parseTraceparent(context.req.header("traceparent")),
    },
  );
  return recorded;
}

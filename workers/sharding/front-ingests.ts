/**
 * What became of a request's documents, joined from all shards. Every shard that has the ingest has all its positions;
 * those that are not its own have failed there without a reason.
 */
import { type IngestStatus, OUTCOMES, type Outcome } from "../../shared/catalog/commands.ts";
import { placeOfKey } from "../../shared/catalog/shard-place.ts";
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import { encodeGenerations } from "./generation-token.ts";
import { allPlaces, type Front, requireAll } from "./shard-client.ts";
import type { ShardAnswer } from "./shard-commands.ts";

type IngestRecord = ShardAnswer<"ingest">;
type Position = IngestRecord["documents"][number];

export interface ShardedIngestStatus extends Omit<IngestStatus, "generation" | "documents"> {
  /** The generations that hold every indexed position, 0 for shards without one; null while any is pending. */
  readonly generation: string | null;
  readonly documents: readonly Position[];
}

/** @throws LzeroError `ingest_not_found`, and those of a call to a shard */
export async function describeFrontIngest(front: Front, ingestId: string): Promise<ShardedIngestStatus> {
  const records = requireAll(
    await front.callEach(allPlaces(front), async (place) => {
      try {
        return await front.call(place, "ingest", { ingestId });
      } catch (error) {
        if (isLzeroError(error, "ingest_not_found")) return null;
        throw error;
      }
    }),
  );
  const home = records[placeOfKey(ingestId, front.shards) - 1] ?? null;
  if (home === null) {
    throw new LzeroError("ingest_not_found", `there is no ingest ${ingestId}`, { ingestId });
  }
  const documents = home.documents.map((atHome, position) =>
    records.reduce<Position>((best, record) => betterOf(best, record?.documents[position]), atHome),
  );
  const counts = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  for (const { outcome } of documents) counts[outcome] += 1;
  return {
    ingestId,
    acceptedAtMs: home.acceptedAtMs,
    counts,
    generation:
      counts.pending > 0 ? null : encodeGenerations(records.map((record) => record?.generation ?? 0)),
    documents,
  };
}

/** The shard that has a position says something of it; at home there may also be why no shard had it at first. */
function betterOf(best: Position, other: Position | undefined): Position {
  return other !== undefined && weightOf(other) > weightOf(best) ? other : best;
}

function weightOf({ outcome, code }: Position): number {
  if (outcome !== "failed") return 3;
  if (code === undefined) return 0;
  return NOT_ACCEPTED.has(code) ? 1 : 2;
}

/** Why a shard did not accept its part of a request (front-documents.ts). */
const NOT_ACCEPTED: ReadonlySet<string> = new Set([
  "shard_unavailable",
  "too_many_pending",
  "index_not_found",
]);

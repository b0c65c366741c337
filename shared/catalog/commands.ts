/**
 * The catalog's commands: their requests and answers as schemas. The Durable Object serves them to the Worker by RPC,
 * and the Worker serves those marked (batch) to the batch job under `/internal/indexes/{index}/…` as JSON:
 *
 *     POST …/stage          StageRequest → StageResponse
 *     POST …/locate         LocateRequest → {}
 *     POST …/commit         CommitRequest → CommitResponse
 *     POST …/abort          AbortRequest → {}
 *     POST …/settle         SettleRequest → {}
 *     GET  …/status         → CatalogStatus
 *     POST …/collect        CollectRequest → CollectResponse
 *     POST …/pending        PendingRequest → PendingResponse
 *     POST …/weigh          WeighRequest → WeighResponse
 *
 * and to clients, through the public routes: `create` (PUT index), `status` (GET index), `accept` (POST documents),
 * `ingestStatus` (GET ingest), `remove` (DELETE document), `lookup` (GET document), `manifest` (a reader that needs a
 * generation which KV does not show yet).
 * Errors are LzeroErrors with the codes named at each command.
 */
import * as z from "zod";
import { ENCODED_FIELDS, versionSchema } from "../messages/document.ts";
import { MAX_DOCUMENTS_PER_REQUEST } from "../messages/limits.ts";
import { INGEST_ID_PATTERN } from "../messages/queue-message.ts";
import { IDF_MODES, type IdfMode } from "../model/idf.ts";
import { MAX_IMPACT_BITS, MIN_IMPACT_BITS } from "../model/quantize.ts";
import { FINGERPRINT_PATTERN, SEGMENT_ID_PATTERN } from "../storage/keys.ts";
import type { ShardPlace } from "./shard-place.ts";

const segmentId = z.string().regex(SEGMENT_ID_PATTERN);
const ingestId = z.string().regex(INGEST_ID_PATTERN);
const fingerprint = z.string().regex(FINGERPRINT_PATTERN);
/** First 128 bits of SHA-256 of the document id in UTF-8, in hex (`documentKey` in shared/catalog/document-key.ts). */
const documentKey = z.string().regex(/^[0-9a-f]{32}$/);
const position = z
  .int()
  .min(0)
  .max(MAX_DOCUMENTS_PER_REQUEST - 1);

/** What `PUT /v1/indexes/{index}` takes. Fixed for the life of the index, but for `idf`. */
export const indexSettingsSchema = z.strictObject({
  encoder: z.enum(["onnx", "bm25"]).default("onnx"),
  versions: z.enum(["sequence", "external"]).default("sequence"),
  encodedFields: z.array(z.enum(ENCODED_FIELDS)).min(1).default(["title", "text"]),
  /** How query tokens weigh (shared/model/idf.ts); may be changed at any time, since no document depends on it. */
  idf: z.enum(IDF_MODES).default("blend"),
  /** For `bm25`: tokens of an average document; null: measured on the first documents that are encoded. */
  averageLength: z.number().min(1).max(1_000_000).nullable().default(null),
});
export type IndexSettings = z.infer<typeof indexSettingsSchema>;

/** The encoder that an index is bound to: pinned by the first commit, refused when different ever after. */
export const modelBindingSchema = z.strictObject({
  fingerprint,
  /** Fingerprint of the query tables (vocabulary and IDF) that queries of this index are weighted by. */
  tables: fingerprint,
  maxWeight: z.number().positive(),
  impactBits: z.int().min(MIN_IMPACT_BITS).max(MAX_IMPACT_BITS),
  /** The average length that lexical weights were made with: a second batch job must take the same; null without any. */
  averageLength: z.number().positive().nullable(),
});
export type ModelBinding = z.infer<typeof modelBindingSchema>;

/** How many documents may be pending, and for how long, before an index takes no more (shared/catalog/pending-room.ts). */
export const pendingLimitsSchema = z.strictObject({
  maxPending: z.int().min(1),
  maxPendingAgeMs: z.int().min(1),
});
export type PendingLimits = z.infer<typeof pendingLimitsSchema>;

/** What a conditional write or deletion asks for: the document at this version, or (null) no such document. */
const ifVersion = versionSchema.nullable();

/**
 * `accept`: records one ingest and, with `sequence` versions, assigns `firstVersion + position`.
 * Repeating it with the same ingestId and digest gives the same versions and what is still pending.
 * A conditional write whose condition can never hold any more fails at once, with `version_conflict`; every other one
 * is decided by the commit.
 * @throws index_not_found, idempotency_conflict (same ingestId, another digest), too_many_pending (never a repetition)
 */
export const acceptRequestSchema = z.strictObject({
  ingestId,
  /** Positions in the request, rejected ones included. */
  positions: z.int().min(1).max(MAX_DOCUMENTS_PER_REQUEST),
  /** Positions that were rejected before the queue: their outcome is `failed` from the start. */
  rejected: z.array(position),
  /** Digest of the request, so that one Idempotency-Key cannot stand for two requests. */
  digest: z.string().max(64),
  /** Absent: there is always room. */
  limits: pendingLimitsSchema.optional(),
  /** The conditional writes among the positions. */
  conditions: z.array(z.strictObject({ position, key: documentKey, ifVersion })).optional(),
});
export type AcceptRequest = z.infer<typeof acceptRequestSchema>;
export interface AcceptResponse {
  readonly firstVersion: number;
  readonly acceptedAtMs: number;
  /** Positions to send: all that were not rejected the first time, only what is still pending in a repetition. */
  readonly pending: readonly number[];
  /** Positions of conditional writes that have failed, with the reason; absent when there are none. */
  readonly conflicts?: readonly { readonly position: number; readonly message: string }[];
}

/** How one position of an ingest ended, or that it has not. `expired`: pending for longer than the queue keeps messages. */
export const OUTCOMES = ["pending", "indexed", "superseded", "failed", "dead", "expired"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** `settle` (batch, Worker): records that documents will not be indexed, with the reason. Never overrules `indexed`. */
export const settleRequestSchema = z.strictObject({
  outcomes: z
    .array(
      z.strictObject({
        ingestId,
        position,
        outcome: z.enum(["failed", "dead"]),
        code: z.string().max(64),
        message: z.string().max(1000),
      }),
    )
    .min(1)
    .max(10_000),
});
export type SettleRequest = z.infer<typeof settleRequestSchema>;

/**
 * `stage` (batch): announces a segment before its first page is written, so that the catalog knows every key that may
 * exist. Idempotent by segment id; answers a lease, after which `locate` and `commit` are refused.
 * Staging it again while the lease runs renews it; a segment whose lease ran out, or that was given up, is dead.
 * @throws index_not_found, model_mismatch, segment_exists (another description, or an id that is dead), lease_expired
 */
export const stageRequestSchema = z.strictObject({
  segmentId,
  model: modelBindingSchema,
  /** Digest of the segment's root page (hex CRC-32C is enough: it only tells attempts apart). */
  checksum: z.string().min(1).max(64),
  pages: z.int().min(1),
  documents: z.int().min(0),
  sizeBytes: z.int().min(1),
  /** For a merge: the segments that this one replaces. */
  replaces: z.array(segmentId).max(64).default([]),
});
export type StageRequest = z.infer<typeof stageRequestSchema>;
export interface StageResponse {
  readonly leaseUntilMs: number;
}

/**
 * One document of a segment: its key and version; ingest and position are absent in merges. Its ordinal is its place. A
 * conditional write has its condition at the end.
 */
export const locatedDocumentSchema = z.tuple([
  documentKey,
  versionSchema,
  ingestId.nullable(),
  position.nullable(),
  ifVersion.optional(),
]);
export type LocatedDocument = z.infer<typeof locatedDocumentSchema>;

/**
 * `locate` (batch): the documents of a staged segment, in chunks by ordinal. Idempotent by firstOrdinal.
 * @throws segment_not_staged, lease_expired, locate_conflict (other documents at that ordinal, or past the end)
 */
export const MAX_LOCATE_CHUNK = 5000;
export const locateRequestSchema = z.strictObject({
  segmentId,
  firstOrdinal: z.int().min(0),
  documents: z.array(locatedDocumentSchema).min(1).max(MAX_LOCATE_CHUNK),
});
export type LocateRequest = z.infer<typeof locateRequestSchema>;

/**
 * `commit` (batch): one transaction. The higher version of each document wins; losers on either side become
 * tombstones; a conditional write whose condition does not hold now fails with `version_conflict`; each document's
 * outcome is recorded; the new generation is made. Idempotent by segment id.
 * @throws segment_not_staged, lease_expired, segment_incomplete (documents not all located), model_mismatch,
 *   merge_conflict (a replaced segment is no longer live, or a live document of them is not in the merge)
 */
export const commitRequestSchema = z.strictObject({ segmentId });
export type CommitRequest = z.infer<typeof commitRequestSchema>;
export interface CommitResponse {
  readonly generation: number;
  /** Documents of the segment that are live in that generation. */
  readonly live: number;
  readonly tombstoned: number;
}

/** `abort` (batch): gives up a staged segment; its pages may be collected. Idempotent. @throws segment_committed */
export const abortRequestSchema = z.strictObject({ segmentId });
export type AbortRequest = z.infer<typeof abortRequestSchema>;

/**
 * `collect` (batch): segments whose pages may be deleted (aborted, lease expired, or replaced for longer than the
 * grace period); `collected` names those whose pages are gone, which the catalog then forgets. A large one is forgotten
 * over several calls, and offered until all of it is.
 * @throws segment_in_use (one of `collected` was never offered)
 */
export const collectRequestSchema = z.strictObject({
  collected: z.array(segmentId).max(1000).default([]),
  graceMs: z
    .int()
    .min(0)
    .default(10 * 60_000),
});
export type CollectRequest = z.infer<typeof collectRequestSchema>;
export interface CollectResponse {
  readonly segments: readonly { readonly segmentId: string; readonly pages: number }[];
}

/**
 * `weigh` (batch): names the query tables that queries are weighted by from the next generation on: a snapshot of the
 * corpus's frequencies, or the model's own tables again. Documents stay as they are.
 * @throws model_mismatch (the tables belong to another model, or none is bound yet)
 */
export const weighRequestSchema = z.strictObject({
  /** Of the model that the tables were made for. */
  model: fingerprint,
  tables: fingerprint,
  idf: z.enum(IDF_MODES),
  /** Documents that were counted; 0 for the model's own tables. */
  documents: z.int().min(0),
});
export type WeighRequest = z.infer<typeof weighRequestSchema>;
export interface WeighResponse {
  readonly generation: number;
}

/** The query tables in use, where they are not the model's own. */
export interface IdfSnapshot {
  readonly tables: string;
  readonly idf: IdfMode;
  readonly documents: number;
}

/** A live segment as `status` lists it, in the manifest's order. */
export interface LiveSegment {
  readonly segmentId: string;
  readonly pages: number;
  readonly documents: number;
  readonly tombstones: number;
  readonly sizeBytes: number;
}

/** `status` (batch and client statistics). */
export interface CatalogStatus {
  readonly index: string;
  readonly settings: IndexSettings;
  /** Its place in a sharded index; absent: the index is whole. */
  readonly shard?: ShardPlace;
  /** As pinned by the first commit; its tables are the model's own. */
  readonly model: ModelBinding | null;
  /** The tables that queries are weighted by instead; null: the model's own. */
  readonly snapshot: IdfSnapshot | null;
  readonly generation: number;
  /** Generation that the outbox last put to KV with an acknowledgement. */
  readonly publishedGeneration: number;
  readonly documents: number;
  readonly pending: number;
  readonly oldestPendingAtMs: number | null;
  readonly segments: readonly LiveSegment[];
}

/** One ingest, position by position. */
export interface IngestStatus {
  readonly ingestId: string;
  readonly acceptedAtMs: number;
  readonly counts: Readonly<Record<Outcome, number>>;
  /** The generation that holds every indexed position, once nothing is pending; else null. */
  readonly generation: number | null;
  readonly documents: readonly {
    readonly position: number;
    readonly outcome: Outcome;
    readonly code?: string;
    readonly message?: string;
  }[];
}

/** `pending` (batch): ingests with positions still pending, oldest first, to send again after a lost queue. */
export const pendingRequestSchema = z.strictObject({ limit: z.int().min(1).max(10_000).default(1000) });
export type PendingRequest = z.infer<typeof pendingRequestSchema>;
export interface PendingResponse {
  readonly ingests: readonly {
    readonly ingestId: string;
    readonly acceptedAtMs: number;
    readonly positions: readonly number[];
  }[];
}

/**
 * `remove` (Worker): deletes documents in a new generation and remembers each deletion with its version, so that an
 * older write which arrives later stays superseded. With `sequence` versions the catalog assigns the version.
 * Repeating it with the same `removal` gives the same answer and deletes nothing that was written meanwhile.
 * @throws index_not_found, version_not_allowed, version_required, idempotency_conflict (same id, another digest)
 */
export const removeRequestSchema = z.strictObject({
  documents: z
    .array(
      z.strictObject({
        key: documentKey,
        version: versionSchema.nullable(),
        /** Deletes only the document at this version. */
        ifVersion: versionSchema.optional(),
      }),
    )
    .min(1)
    .max(500),
  /** Of an Idempotency-Key, which stands for one request alone, as an ingest's does. */
  removal: z.strictObject({ id: ingestId, digest: z.string().max(64) }).optional(),
});
export type RemoveRequest = z.infer<typeof removeRequestSchema>;
export interface RemoveResponse {
  readonly generation: number;
  readonly outcomes: readonly RemoveOutcome[];
}
/**
 * In request order: `deleted`, `absent` (remembered all the same), `superseded` (a higher version is indexed) or
 * `conflict` (the document is not at the version that was asked for; nothing is remembered).
 */
export type RemoveOutcome = "deleted" | "absent" | "superseded" | "conflict";

/** `lookup` (Worker): where a document's live version lies in the current generation; null when it is not there. */
export interface DocumentLocation {
  readonly segmentId: string;
  readonly ordinal: number;
  readonly version: number;
}

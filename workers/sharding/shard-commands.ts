/**
 * What a front asks of a shard: `POST /internal/indexes/{index}/shard/{command}`, JSON both ways, under the shard key and
 * with the place that the front takes the shard for. One schema each for request and answer, used on both sides.
 *
 *     create    makes the index as this shard of it         status    statistics
 *     search    ranks; documents only if asked for          hits      the documents of ranked places
 *     accept    records and sends documents                 settle    records that positions will not be indexed
 *     ingest    how positions ended                         remove    deletes a document
 *     document  one document
 *
 * Positions are those of the client's request in every shard: a shard records an ingest with all of them, and those
 * that are not its own as not accepted.
 */
import * as z from "zod";
import {
  indexSettingsSchema,
  modelBindingSchema,
  OUTCOMES,
  settleRequestSchema,
} from "../../shared/catalog/commands.ts";
import { versionSchema } from "../../shared/messages/document.ts";
import {
  MAX_DOCUMENTS_PER_REQUEST,
  MAX_K,
  MAX_QUERY_BYTES,
  MAX_RESULT_WINDOW,
} from "../../shared/messages/limits.ts";
import { INGEST_ID_PATTERN, queuedDocumentSchema } from "../../shared/messages/queue-message.ts";
import { SEGMENT_ID_PATTERN } from "../../shared/storage/keys.ts";
import { documentSchema, hitSchema, statusSchema } from "../openapi/schemas.ts";

/** The place, as "3/8", that the front takes the shard for. */
export const SHARD_HEADER = "lzero-shard";

const count = z.int().min(0);
const ingestId = z.string().regex(INGEST_ID_PATTERN);
const query = z.string().min(1).max(MAX_QUERY_BYTES);
const position = count.max(MAX_DOCUMENTS_PER_REQUEST - 1);
/** A hit without its document: segment, ordinal, integer score. */
const rankedHit = z.tuple([z.string().regex(SEGMENT_ID_PATTERN), count, z.int().min(1)]).readonly();
export type RankedHit = z.infer<typeof rankedHit>;

const refused = z.object({
  position,
  id: z.string().optional(),
  code: z.string(),
  message: z.string(),
  retryable: z.boolean().optional(),
});
const describedHit = hitSchema.omit({ score: true });

export const SHARD_COMMANDS = {
  create: {
    request: z.strictObject({ settings: indexSettingsSchema }),
    answer: z.object({ created: z.boolean() }),
  },
  status: {
    request: z.strictObject({}),
    answer: statusSchema,
  },
  search: {
    request: z.strictObject({
      q: query,
      /** offset + k of the front's request. */
      wanted: z.int().min(1).max(MAX_RESULT_WINDOW),
      minScore: z.int().min(1),
      minGeneration: count.optional(),
      maxReads: count.optional(),
      maxBytes: count.optional(),
      /** Answer with the hits' documents too. */
      describe: z.strictObject({ highlight: z.boolean() }).nullable(),
    }),
    answer: z.object({
      generation: count,
      generationAgeMs: count,
      manifestAgeMs: count,
      /** What scores are made by, its tables those that the query was weighed by; null: the shard is empty. */
      model: modelBindingSchema.nullable(),
      hits: z.array(rankedHit).max(MAX_RESULT_WINDOW),
      described: z.array(describedHit).nullable(),
      /** As `Ranking` has them (shared/query/rank.ts). */
      unreadBound: count,
      nextScore: count,
      isEmpty: z.boolean(),
      knownTerms: count,
      stats: z.object({ reads: count, bytesRead: count, postings: count, tokens: count }),
    }),
  },
  hits: {
    request: z.strictObject({
      q: query,
      highlight: z.boolean(),
      model: modelBindingSchema,
      hits: z.array(rankedHit).min(1).max(MAX_K),
    }),
    answer: z.object({ described: z.array(describedHit), reads: count, bytesRead: count }),
  },
  accept: {
    request: z.strictObject({
      ingestId,
      positions: z.int().min(1).max(MAX_DOCUMENTS_PER_REQUEST),
      digest: z.string().max(64),
      isRepeatable: z.boolean(),
      /** Those of this shard; none where it only remembers the ingest. */
      documents: z.array(queuedDocumentSchema.partial({ version: true })).max(MAX_DOCUMENTS_PER_REQUEST),
    }),
    answer: z.object({ conflicts: z.array(refused), notTaken: z.array(refused) }),
  },
  settle: { request: settleRequestSchema, answer: z.object({}) },
  ingest: {
    request: z.strictObject({ ingestId }),
    answer: z.object({
      ingestId,
      acceptedAtMs: z.int(),
      generation: count.nullable(),
      documents: z.array(
        z.object({
          position,
          outcome: z.enum(OUTCOMES),
          code: z.string().optional(),
          message: z.string().optional(),
        }),
      ),
    }),
  },
  remove: {
    request: z.strictObject({
      id: z.string().min(1),
      version: versionSchema.nullable(),
      ifVersion: versionSchema.optional(),
      idempotencyKey: z.string().nullable(),
    }),
    answer: z.object({
      outcome: z.enum(["deleted", "absent", "superseded", "conflict"]),
      generation: count,
    }),
  },
  document: { request: z.strictObject({ id: z.string().min(1) }), answer: documentSchema },
} as const;

export type ShardCommand = keyof typeof SHARD_COMMANDS;
export type ShardRequest<Command extends ShardCommand> = z.output<
  (typeof SHARD_COMMANDS)[Command]["request"]
>;
export type ShardAnswer<Command extends ShardCommand> = DeepReadonly<
  z.output<(typeof SHARD_COMMANDS)[Command]["answer"]>
>;

type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;

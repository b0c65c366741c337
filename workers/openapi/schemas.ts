/** Schemas of answers: for the API's description, and for what a front takes from its shards. */
import * as z from "zod";
import { indexSettingsSchema, modelBindingSchema, OUTCOMES } from "../../shared/catalog/commands.ts";
import { shardPlaceSchema } from "../../shared/catalog/shard-place.ts";
import { metadataSchema } from "../../shared/messages/document.ts";
import { GENERATION_TOKEN } from "../sharding/generation-token.ts";

const count = z.int().min(0);
const timeMs = z.int().describe("milliseconds since 1970");
const range = z.tuple([count, count]).describe("UTF-16 offsets, the end excluded");

export const problemSchema = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string().describe("stable, for programs"),
});

export const tooManyPendingSchema = problemSchema.extend({
  code: z.literal("too_many_pending"),
  retryAfterSeconds: count,
  pending: count,
  oldestPendingAtMs: timeMs,
  maxPending: count,
  maxPendingAgeMs: count,
});

export const createdSchema = z.object({
  index: z.string(),
  created: z.boolean(),
  settings: indexSettingsSchema,
});

export const statusSchema = z.object({
  index: z.string(),
  settings: indexSettingsSchema,
  shard: shardPlaceSchema.optional().describe("its place in a sharded index; absent: the index is whole"),
  model: modelBindingSchema.nullable(),
  generation: count,
  publishedGeneration: z.int(),
  documents: count,
  pending: count,
  oldestPendingAtMs: timeMs.nullable(),
  segments: z.array(
    z.object({ segmentId: z.string(), pages: count, documents: count, tombstones: count, sizeBytes: count }),
  ),
});

export const generationTokenSchema = z
  .string()
  .regex(GENERATION_TOKEN)
  .describe("the generations of all shards in order, joined by dots");

export const frontStatusSchema = z.object({
  index: z.string(),
  settings: indexSettingsSchema,
  model: modelBindingSchema.nullable(),
  generation: generationTokenSchema,
  documents: count,
  pending: count,
  oldestPendingAtMs: timeMs.nullable(),
  shards: z.array(
    z.object({
      shard: count,
      generation: count,
      publishedGeneration: z.int(),
      documents: count,
      pending: count,
      segments: count,
      sizeBytes: count,
    }),
  ),
});

export const ingestAnswerSchema = z.object({
  ingestId: z.string(),
  accepted: count,
  rejected: z.array(
    z.object({
      position: count,
      id: z.string().optional(),
      code: z.string(),
      message: z.string(),
      field: z.string().optional(),
      retryable: z.boolean().optional(),
    }),
  ),
});

export const ingestStatusSchema = z.object({
  ingestId: z.string(),
  acceptedAtMs: timeMs,
  counts: z.record(z.enum(OUTCOMES), count),
  generation: count.nullable(),
  documents: z.array(
    z.object({
      position: count,
      outcome: z.enum(OUTCOMES),
      code: z.string().optional(),
      message: z.string().optional(),
    }),
  ),
});

const storedFields = {
  id: z.string(),
  title: z.string().nullable(),
  url: z.string().nullable(),
  metadata: metadataSchema.nullable(),
  text: z.string(),
};

export const documentSchema = z.object({ ...storedFields, version: count });

export const removedSchema = z.object({
  id: z.string(),
  outcome: z.enum(["deleted", "absent"]),
  generation: count,
});

export const hitSchema = z.object({
  ...storedFields,
  score: z.number(),
  matches: z.object({ title: z.array(range), text: z.array(range), snippet: range }).optional(),
  terms: z.array(z.object({ term: z.string(), score: z.number(), expanded: z.boolean() })).optional(),
});

export const searchAnswerSchema = z.object({
  generation: count,
  generationAgeMs: count.describe("since the commit that made this generation"),
  manifestAgeMs: count.describe(
    "since this generation was read; KV itself may have been a minute behind then",
  ),
  hits: z.array(hitSchema),
  exact: z.boolean().describe("false only when a budget left lists unread that could matter"),
  certificate: z
    .object({
      provenHits: count.describe("so many of the first hits are certainly among the exact first offset + k"),
      maxMissedScore: z.number().describe("no document that is left out scores higher"),
    })
    .optional()
    .describe("of an inexact answer; scores of its hits are then lower bounds"),
  warnings: z.array(z.object({ code: z.string(), message: z.string() })),
  stats: z.object({ reads: count, bytesRead: count, postings: count, tokens: count }),
});

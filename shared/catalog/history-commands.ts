/**
 * The catalog's commands about generations and garbage, for operators: their requests and answers as schemas. The
 * Worker serves them to the command line under `/internal/indexes/{index}/…`, with the publish key:
 *
 *     GET  …/generations    → GenerationsResponse
 *     POST …/rollback       RollbackRequest → RollbackResponse
 *     POST …/pin            PinRequest → PinResponse
 *     POST …/compare        CompareRequest → CompareResponse
 *     POST …/garbage        GarbageRequest → GarbageResponse
 *     POST …/located        LocatedRequest → LocatedResponse
 *
 * Errors are LzeroErrors with the codes named at each command.
 */
import * as z from "zod";
import { SEGMENT_ID_PATTERN } from "../storage/keys.ts";

const generation = z.int().min(0);
const segmentId = z.string().regex(SEGMENT_ID_PATTERN);

/** What made a generation. `idf`: other query tables, or the setting that asks for them. */
export const GENERATION_REASONS = ["create", "publish", "merge", "delete", "rollback", "idf"] as const;
export type GenerationReason = (typeof GENERATION_REASONS)[number];

/** How long things are kept, in force now. */
export interface RetentionRules {
  /** A generation can be rolled back to for this long after another one took its place … */
  readonly generationMs: number;
  /** … while it is among this many newest. Pinned ones stay beyond both. */
  readonly generations: number;
  readonly deletionMs: number;
  readonly ingestMs: number;
  readonly queueMs: number;
}

export interface GenerationSummary {
  readonly generation: number;
  readonly createdAtMs: number;
  /** Live documents. */
  readonly documents: number;
  readonly segments: number;
  readonly sizeBytes: number;
  /** Null where that was not recorded yet. */
  readonly why: GenerationReason | null;
  /** For a rollback: the generation whose list it restored. */
  readonly restored: number | null;
  readonly pinned: boolean;
  /** It is the current one. */
  readonly live: boolean;
}

/** `generations`: every generation that can be rolled back to, oldest first. @throws index_not_found */
export interface GenerationsResponse {
  readonly retention: RetentionRules;
  readonly generations: readonly GenerationSummary[];
}

/**
 * `rollback`: makes a generation that restores the list of an older one. What was deleted since stays deleted; query
 * tables stay as they are. Writes that come later are judged by their versions as ever, so that what the rollback hides
 * comes back when it is sent again. Repeating it makes no second generation.
 * @throws index_not_found, generation_not_found (never made), generation_collected (no longer retained),
 *   generation_conflict (another generation than `expected` is current)
 */
export const rollbackRequestSchema = z.strictObject({
  to: generation,
  /** The generation that must be current, so that nothing is hidden that nobody counted; null: whichever is. */
  expected: generation.nullable().default(null),
});
export type RollbackRequest = z.infer<typeof rollbackRequestSchema>;
export interface RollbackResponse {
  /** The new generation; the current one, when that is the one to go back to. */
  readonly generation: number;
  /** The one that was current before. */
  readonly replaced: number;
  /** Documents that were live in the older generation and stay deleted. */
  readonly withheld: number;
}

/** Pinned generations of an index at most: each keeps its segments' pages in KV. */
export const MAX_PINS = 20;

/**
 * `pin`: keeps a generation, and so its pages, until it is unpinned. Idempotent.
 * @throws index_not_found, generation_not_found, generation_collected, too_many_pins
 */
export const pinRequestSchema = z.strictObject({ generation, pinned: z.boolean() });
export type PinRequest = z.infer<typeof pinRequestSchema>;
export interface PinResponse {
  readonly generation: number;
  readonly pinned: boolean;
  /** Whether it can still be rolled back to. */
  readonly retained: boolean;
}

/** Documents that one `compare` looks up at most. */
export const MAX_COMPARED = 5000;

/**
 * `compare`: the documents of one generation that another one has not, or has at another version; a part of them at a
 * time. Reads only.
 * @throws index_not_found, generation_not_found, generation_collected, compare_cursor_invalid
 */
export const compareRequestSchema = z.strictObject({
  of: generation,
  against: generation,
  /** Where to go on: `next` of the answer before. */
  after: z
    .strictObject({ segmentId, ordinal: z.int().min(0) })
    .nullable()
    .default(null),
  limit: z.int().min(1).max(MAX_COMPARED).default(MAX_COMPARED),
});
export type CompareRequest = z.infer<typeof compareRequestSchema>;
export interface DifferentDocument {
  readonly segmentId: string;
  readonly ordinal: number;
  readonly version: number;
  /** Its version in the other generation; null: it is not there. */
  readonly other: number | null;
}
export interface CompareResponse {
  readonly documents: readonly DifferentDocument[];
  readonly next: { readonly segmentId: string; readonly ordinal: number } | null;
}

/** `garbage`: what a collection would find, without doing anything. @throws index_not_found */
export const garbageRequestSchema = z.strictObject({
  graceMs: z
    .int()
    .min(0)
    .default(10 * 60_000),
});
export type GarbageRequest = z.infer<typeof garbageRequestSchema>;

/** Why a segment is garbage, or will be. */
export const GARBAGE_REASONS = ["given_up", "lease_expired", "replaced", "collected_before"] as const;
export type GarbageReason = (typeof GARBAGE_REASONS)[number];

export interface GarbageSegment {
  readonly segmentId: string;
  readonly pages: number;
  readonly why: GarbageReason;
  /** What keeps it: the newest retained generation that has it, or the grace period; null: nothing. */
  readonly keptBy: { readonly generation: number } | { readonly untilMs: number } | null;
  /** Null where only the id is remembered. */
  readonly documents: number | null;
  readonly sizeBytes: number | null;
}
export interface GarbageResponse {
  readonly segments: readonly GarbageSegment[];
}

/**
 * `located`: which documents a committed segment has, as the catalog was told: a chunk of them from an ordinal on.
 * @throws index_not_found, segment_not_found
 */
export const locatedRequestSchema = z.strictObject({ segmentId, firstOrdinal: z.int().min(0) });
export type LocatedRequest = z.infer<typeof locatedRequestSchema>;
export interface LocatedResponse {
  /** In ordinal order; empty past the end. */
  readonly documents: readonly { readonly key: string; readonly version: number }[];
}

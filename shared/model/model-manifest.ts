/**
 * What a document encoder is, as one JSON file beside its weights (`batch/models/<name>/manifest.json`). Everything
 * that changes a document's impacts or a query's vector is in `identity`, and the fingerprint is its hash: two
 * encoders with equal fingerprints may share an index, others never.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import * as z from "zod";
import { LzeroError } from "../errors.ts";
import { DEFAULT_IMPACT_BITS, MAX_IMPACT_BITS, MIN_IMPACT_BITS } from "./quantize.ts";

/** [CLS] and [SEP]. */
const SPECIAL_TOKENS = 2;

const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);

const identityFields = z.strictObject({
  /** `onnx`: a graph that pools, activates and prunes. `bm25`: no weights. */
  encoder: z.enum(["onnx", "bm25"]),
  /** SHA-256 of model.onnx; null for an encoder without weights. */
  weights: sha256Hex.nullable(),
  /** SHA-256 of vocab.txt (bert-base-uncased normalization is implied). */
  vocabulary: sha256Hex,
  /** SHA-256 of the model's own IDF table, idf.f32: little-endian float32, one a vocabulary entry. */
  idf: sha256Hex,
  /** How often log1p follows max-pooling and relu: 1 is SPLADE (Eq. 1), 2 the l0 activation (Eq. 6); null without a graph. */
  log1pCount: z.int().min(1).max(4).nullable(),
  /** Tokens that the graph sees of a document, [CLS] and [SEP] included; null: all of them. */
  maxLength: z.int().min(8).max(512).nullable(),
  /** How a longer document is read (windows.ts); one window is the document's beginning. */
  windows: z.strictObject({ maxWindows: z.int().min(1).max(1024), overlap: z.int().min(0) }),
  /** At most this many non-zero weights a document; the smallest are cut and counted. */
  topK: z.int().min(1).max(30522),
  /** Weights under this share of a document's largest are dropped; 0 keeps all. */
  pruneRatio: z.number().min(0).max(1),
  /** Weight that maps to the largest impact, 2^impactBits − 1; larger ones are clipped and counted. */
  maxWeight: z.number().positive(),
  /** Bits of an impact; absent: 8, as all models had before format 2. */
  impactBits: z.int().min(MIN_IMPACT_BITS).max(MAX_IMPACT_BITS).optional(),
  /** Share of the lexical part, d_j = l0_j + alpha · tfsat_j (lexical.ts); alpha 0 is the paper's pure form. */
  lexical: z.strictObject({
    alpha: z.number().min(0),
    k1: z.number().min(0),
    b: z.number().min(0).max(1),
    averageLength: z.number().positive(),
    /** Words of one stem count for each other by `share`; `classes` is the SHA-256 of stems.u16. */
    stems: z.strictObject({ share: z.number().min(0).max(1), classes: sha256Hex }).nullable(),
  }),
  /**
   * Terms kept of a document, lexical part included, by their value IDF_j · d_j: those of `minValue` and more, but
   * at most the `atMost` and at least the `atLeast` most valuable; null keeps all.
   */
  pruning: z
    .strictObject({
      minValue: z.number().min(0),
      atLeast: z.int().min(0),
      atMost: z.int().min(1),
    })
    .nullable(),
  /** Query tokens with a smaller IDF are dropped unless nothing else is left; 0 keeps all. */
  queryIdfFloor: z.number().min(0),
});

export const modelIdentitySchema = identityFields.refine(
  ({ maxLength, windows }) => maxLength === null || windows.overlap < maxLength - SPECIAL_TOKENS,
  {
    path: ["windows", "overlap"],
    error: "must be less than the tokens of a window, [CLS] and [SEP] not counted",
  },
);

export type ModelIdentity = z.infer<typeof modelIdentitySchema>;

export const modelManifestSchema = z.strictObject({
  formatVersion: z.literal(1),
  name: z.string().min(1),
  fingerprint: z.string().regex(/^[0-9a-f]{32}$/),
  identity: modelIdentitySchema,
  vocabularySize: z.int().positive(),
  licence: z.string(),
  /** Where the weights come from and how the file was made. */
  provenance: z.string(),
});

export type ModelManifest = z.infer<typeof modelManifestSchema>;

/** Bits of the impacts of a model's documents. */
export function impactBitsOf({ impactBits }: ModelIdentity): number {
  return impactBits ?? DEFAULT_IMPACT_BITS;
}

/**
 * Hashes what makes an encoder itself.
 * @returns the first 128 bits of SHA-256 over the identity as JSON with keys in sorted order, as 32 hex digits
 */
export function modelFingerprint(identity: ModelIdentity): string {
  return bytesToHex(sha256(new TextEncoder().encode(canonicalJson(identity)))).slice(0, 32);
}

/**
 * Reads a manifest and checks that its fingerprint is that of its identity.
 * @throws LzeroError `model_manifest_invalid`
 */
export function parseModelManifest(json: string, source: string): ModelManifest {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new LzeroError("model_manifest_invalid", `${source} is not JSON`, { source }, cause);
  }
  const parsed = modelManifestSchema.safeParse(value);
  if (!parsed.success) {
    throw new LzeroError("model_manifest_invalid", `${source}: ${z.prettifyError(parsed.error)}`, { source });
  }
  const expected = modelFingerprint(parsed.data.identity);
  if (parsed.data.fingerprint !== expected) {
    throw new LzeroError(
      "model_manifest_invalid",
      `${source}: the fingerprint is ${parsed.data.fingerprint}, its identity gives ${expected}`,
      { source, expected, actual: parsed.data.fingerprint },
    );
  }
  return parsed.data;
}

/** JSON with the keys of every object in code-unit order and no white space: equal values give equal bytes. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value as Record<string, unknown>).sort(([a], [b]) =>
      a < b ? -1 : a > b ? 1 : 0,
    );
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/**
 * The manifest of an index: its current generation as one KV value, with everything that a reader needs to know before
 * its first page. A plain object goes in and comes out; which generation is current is for the catalog to decide.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import * as z from "zod";
import {
  type IndexSettings,
  indexSettingsSchema,
  type ModelBinding,
  modelBindingSchema,
} from "../catalog/commands.ts";
import { LzeroError } from "../errors.ts";
import { canonicalJson } from "../model/model-manifest.ts";
import { SEGMENT_ID_PATTERN } from "../storage/keys.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { MAX_SEGMENT_DOCUMENTS } from "./limits.ts";
import { decodePage, encodePage, PAGE_HEADER_BYTES, PAGE_KIND } from "./page.ts";
import { decodeTombstones, encodeTombstones } from "./tombstones.ts";

/** A live segment of a generation. */
export interface ManifestSegment {
  readonly segmentId: string;
  readonly pages: number;
  readonly documents: number;
  readonly sizeBytes: number;
  /** Of the root page (`EncodedSegment.checksum`). */
  readonly checksum: string;
  /** Deleted ordinals, strictly ascending. */
  readonly tombstones: Uint32Array;
}

export interface Manifest {
  readonly index: string;
  readonly generation: number;
  readonly createdAtMs: number;
  readonly settings: IndexSettings;
  /** Null until the first commit; never null with segments. */
  readonly model: ModelBinding | null;
  /** Their order breaks ties of scores. */
  readonly segments: readonly ManifestSegment[];
}

const segmentSchema = z.strictObject({
  segmentId: z.string().regex(SEGMENT_ID_PATTERN),
  pages: z.int().min(1),
  documents: z.int().min(0).max(MAX_SEGMENT_DOCUMENTS),
  sizeBytes: z.int().min(1),
  checksum: z.string().min(1).max(64),
  /** How many; they follow the JSON. */
  tombstones: z.int().min(0),
});

const manifestSchema = z.strictObject({
  index: z.string(),
  generation: z.int().min(0),
  createdAtMs: z.int().min(0),
  settings: indexSettingsSchema,
  model: modelBindingSchema.nullable(),
  segments: z.array(segmentSchema),
});

/**
 * Writes a manifest as a page.
 * @throws LzeroError `manifest_invalid` for one that a reader would refuse; `page_too_large`
 */
export function encodeManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
  const head = {
    ...manifest,
    segments: manifest.segments.map((segment) => ({ ...segment, tombstones: segment.tombstones.length })),
  };
  const parsed = manifestSchema.safeParse(head);
  const problem = parsed.success ? findProblem(manifest) : z.prettifyError(parsed.error);
  if (problem !== null) {
    throw new LzeroError("manifest_invalid", `the manifest of ${manifest.index}: ${problem}`, {
      index: manifest.index,
      generation: manifest.generation,
    });
  }
  const json = new TextEncoder().encode(canonicalJson(head));
  const writer = new ByteWriter(json.length + 1024);
  writer.u32(json.length);
  writer.bytes(json);
  for (const segment of manifest.segments) encodeTombstones(writer, segment.tombstones);
  return encodePage(PAGE_KIND.manifest, manifestOwner(manifest.index), 0, writer.view());
}

/**
 * Reads a manifest.
 * @param index the name of the index that it must be of
 * @throws LzeroError of `decodePage`, or `page_corrupt`
 */
export function decodeManifest(value: Uint8Array, index: string, key: string): Manifest {
  const owner = manifestOwner(index);
  const payload = decodePage(value, { key, kind: PAGE_KIND.manifest, owner, page: 0 });
  const reader = new ByteReader(payload, { key, baseOffset: PAGE_HEADER_BYTES });
  const json = reader.utf8(reader.u32("the length of the manifest"), "the manifest");
  let head: unknown;
  try {
    head = JSON.parse(json);
  } catch (cause) {
    throw reader.corrupt("the manifest", "JSON", "other text", cause);
  }
  const parsed = manifestSchema.safeParse(head);
  if (!parsed.success) throw reader.corrupt("the manifest", "its schema", z.prettifyError(parsed.error));
  if (parsed.data.index !== index) throw reader.corrupt("the index", index, parsed.data.index);
  const segments = parsed.data.segments.map((segment) => ({
    ...segment,
    tombstones: decodeTombstones(reader, segment.tombstones, segment.documents),
  }));
  reader.end("the tombstones");
  const manifest: Manifest = { ...parsed.data, segments };
  const problem = findProblem(manifest);
  if (problem !== null) throw reader.corrupt("the manifest", "consistent", problem);
  return manifest;
}

/** Owner of a manifest page: the first 128 bits of SHA-256 of the index name, in hex. */
function manifestOwner(index: string): string {
  return bytesToHex(sha256(new TextEncoder().encode(index))).slice(0, 32);
}

/** What the schema cannot say; null when all is well. */
function findProblem({ model, segments }: Manifest): string | null {
  if (segments.length > 0 && model === null) return "segments without a model";
  const seen = new Set<string>();
  for (const { segmentId, tombstones, documents } of segments) {
    if (seen.has(segmentId)) return `segment ${segmentId} twice`;
    seen.add(segmentId);
    for (let at = 0; at < tombstones.length; at++) {
      if (tombstones[at]! >= documents || (at > 0 && tombstones[at]! <= tombstones[at - 1]!)) {
        return `segment ${segmentId}: tombstone ${tombstones[at]} is out of order or of range`;
      }
    }
  }
  return null;
}

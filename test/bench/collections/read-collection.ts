/** A collection's files, opened. In: its name. Out: arrays, queries and what is known of it. Makes nothing. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../../batch/encoders/open-encoder.ts";
import { LzeroError } from "../../../shared/errors.ts";
import type { BenchQuery, QuerySet } from "./query-sets.ts";
import type { CollectionStatistics } from "./statistics.ts";
import type { Rows } from "./vectors-codec.ts";

/** `meta.json` */
export interface CollectionMeta {
  readonly name: string;
  readonly model: { readonly name: string; readonly fingerprint: string };
  /** Weight of impact 255. */
  readonly maxWeight: number;
  readonly vocabularySize: number;
  readonly documents: number;
  /** Documents that the source has: more, when encoding was broken off. */
  readonly sourceDocuments: number;
  readonly madeOf: string;
  readonly queries: { readonly from: string; readonly chosen: string };
  /** SHA-256 of all ids and texts of the source. */
  readonly sourceHash: string;
  readonly commit: string | null;
  readonly node: string;
  /** Postings whose weight rounds to impact 0: they are left out of all files, as publishing leaves them out. */
  readonly dropped: number;
  /** Weights above maxWeight, whose impact is 255. */
  readonly clipped: number;
  /** By file. */
  readonly bytes: Readonly<Record<string, number>>;
  readonly statistics: CollectionStatistics;
}

/** Ids and texts are read apart: most benchmarks need none. */
export interface BenchCollection {
  readonly meta: CollectionMeta;
  readonly folder: string;
  readonly vectors: Rows;
  /** As long as the vectors' terms, 1 … 255: round(weight · 255 / maxWeight). */
  readonly impacts: Uint8Array;
  /** The same in model units, before rounding. */
  readonly weights: Float32Array;
  /** Distinct tokens of each document's own text. */
  readonly own: Rows;
}

export const FILES = {
  documents: "documents.jsonl",
  indptr: "indptr.u32",
  terms: "terms.u16",
  weights: "weights.f32",
  impacts: "impacts.u8",
  ownIndptr: "own-indptr.u32",
  ownTerms: "own-terms.u16",
} as const;

export function queriesFile(set: QuerySet): string {
  return `queries-${set}.jsonl`;
}

/** Where a collection lies: a name, or a folder's path. */
export function collectionFolder(name: string): string {
  return name.includes("/") ? name : join(packageRoot(), ".cache", "collections", name);
}

/** Where indexes of these vectors are kept; other vectors under the same name have another folder. */
export function peersFolder(folder: string, meta: CollectionMeta): string {
  const { model, sourceHash, documents } = meta;
  return join(folder, "peers", `${model.fingerprint.slice(0, 12)}-${sourceHash.slice(0, 12)}-${documents}`);
}

/** @throws LzeroError `collection_missing` with the command that makes it */
export function readMeta(name: string): CollectionMeta {
  const path = join(collectionFolder(name), "meta.json");
  if (!existsSync(path)) {
    throw new LzeroError(
      "collection_missing",
      `${path} is not there: run \`npm run bench -- collections --names ${name}\``,
      { path },
    );
  }
  return JSON.parse(readFileSync(path, "utf8")) as CollectionMeta;
}

/** @param documents the first so many only; a beginning is a fair sample of `passages` and `windows` */
export function openCollection(name: string, documents = Number.POSITIVE_INFINITY): BenchCollection {
  const meta = readMeta(name);
  const folder = collectionFolder(name);
  const bytes = (file: string) => {
    // Copied, so that the arrays are aligned.
    const { buffer } = Uint8Array.from(readFileSync(join(folder, file)));
    return buffer;
  };
  const rows = (indptrFile: string, termsFile: string): Rows => {
    const all = new Uint32Array(bytes(indptrFile));
    const indptr = all.subarray(0, Math.min(all.length - 1, documents) + 1);
    return { indptr, terms: new Uint16Array(bytes(termsFile)).subarray(0, indptr.at(-1)!) };
  };
  const vectors = rows(FILES.indptr, FILES.terms);
  const postings = vectors.terms.length;
  return {
    meta,
    folder,
    vectors,
    impacts: new Uint8Array(bytes(FILES.impacts)).subarray(0, postings),
    weights: new Float32Array(bytes(FILES.weights)).subarray(0, postings),
    own: rows(FILES.ownIndptr, FILES.ownTerms),
  };
}

export function readQueries(name: string, set: QuerySet): BenchQuery[] {
  return readLines(join(collectionFolder(name), queriesFile(set))) as BenchQuery[];
}

/** Ids and texts in the order of the vectors. */
export function readDocuments(
  name: string,
  documents = Number.POSITIVE_INFINITY,
): { readonly id: string; readonly text: string }[] {
  const lines = readLines(join(collectionFolder(name), FILES.documents), documents);
  return lines as { id: string; text: string }[];
}

function readLines(path: string, atMost = Number.POSITIVE_INFINITY): unknown[] {
  const bytes = readFileSync(path);
  const values: unknown[] = [];
  let from = 0;
  while (from < bytes.length && values.length < atMost) {
    const to = bytes.indexOf(0x0a, from);
    values.push(JSON.parse(bytes.toString("utf8", from, to)));
    from = to + 1;
  }
  return values;
}

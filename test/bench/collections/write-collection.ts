/**
 * A collection's files from its encoded chunks. In: documents, chunks, candidates for queries. Out: the files that
 * `read-collection.ts` opens, `meta.json` last, so that a collection is whole when that is there.
 */
import { createWriteStream, existsSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ModelFiles } from "../../../batch/encoders/model-files.ts";
import { LzeroError } from "../../../shared/errors.ts";
import { Vocabulary } from "../../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../../shared/text/word-piece.ts";
import { describeCommit } from "../machine.ts";
import { CHUNK_DOCUMENTS, readChunk } from "./encode-chunks.ts";
import { dropZeroImpacts } from "./impacts.ts";
import { makeQuerySets, QUERY_SETS, QUERY_SETS_SAY, type QuerySet } from "./query-sets.ts";
import { type CollectionMeta, FILES, queriesFile } from "./read-collection.ts";
import type { Source } from "./sources.ts";
import { countByTerm, describeCollection } from "./statistics.ts";
import { joinRows, type Rows } from "./vectors-codec.ts";

export interface WriteInput {
  readonly name: string;
  readonly folder: string;
  readonly chunks: string;
  /** Documents that are encoded, from the first. */
  readonly documents: number;
  readonly source: Source;
  readonly sourceHash: string;
  readonly model: ModelFiles;
}

export async function writeCollection(input: WriteInput): Promise<CollectionMeta> {
  const { name, folder, source, documents, model } = input;
  const { manifest } = model;
  const { maxWeight, queryIdfFloor } = manifest.identity;
  refuseToShrink(folder, documents);
  await mkdir(folder, { recursive: true });
  await rm(join(folder, "meta.json"), { force: true });
  const chunks = [];
  for (let chunk = 0; chunk * CHUNK_DOCUMENTS < documents; chunk++) {
    const rows = await readChunk(input.chunks, chunk);
    chunks.push({ own: rows.own, ...dropZeroImpacts(rows, maxWeight) });
  }
  const vectors = joinRows(chunks.map((chunk) => chunk.vectors));
  const own = joinRows(chunks.map((chunk) => chunk.own));
  const bytes: Record<string, number> = {};
  const write = async (file: string, parts: readonly ArrayBufferView[]) => {
    bytes[file] = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const buffers = parts.map(({ buffer, byteOffset, byteLength }) =>
      Buffer.from(buffer, byteOffset, byteLength),
    );
    await pipeline(Readable.from(buffers), createWriteStream(join(folder, file)));
  };
  await writeRows(write, FILES.indptr, FILES.terms, vectors);
  await writeRows(write, FILES.ownIndptr, FILES.ownTerms, own);
  await write(
    FILES.weights,
    chunks.map((chunk) => chunk.weights),
  );
  await write(
    FILES.impacts,
    chunks.map((chunk) => chunk.impacts),
  );
  await write(FILES.documents, [...textBlocks(source.documents.slice(0, documents))]);
  const frequencies = {
    documents,
    documentFrequencies: countByTerm(vectors.terms, manifest.vocabularySize),
    textFrequencies: countByTerm(own.terms, manifest.vocabularySize),
  };
  const tokenizer = new WordPieceTokenizer(Vocabulary.parse(model.vocabulary));
  const sets = makeQuerySets(source.queryTexts, { tokenizer, idf: model.idf, queryIdfFloor }, frequencies);
  for (const set of QUERY_SETS) await write(queriesFile(set), [...textBlocks(sets[set])]);
  const meta: CollectionMeta = {
    name,
    model: { name: manifest.name, fingerprint: manifest.fingerprint },
    maxWeight,
    vocabularySize: manifest.vocabularySize,
    documents,
    sourceDocuments: source.documents.length,
    madeOf: source.madeOf,
    queries: { from: source.queriesFrom, chosen: QUERY_SETS_SAY },
    sourceHash: input.sourceHash,
    commit: describeCommit(),
    node: process.version,
    dropped: chunks.reduce((sum, chunk) => sum + chunk.dropped, 0),
    clipped: chunks.reduce((sum, chunk) => sum + chunk.clipped, 0),
    bytes,
    statistics: describeCollection(
      documents,
      frequencies.documentFrequencies,
      own.terms.length,
      sets satisfies Record<QuerySet, unknown>,
    ),
  };
  await writeFile(join(folder, "meta.json"), `${JSON.stringify(meta, null, 2)}\n`);
  return meta;
}

/** An hour of encoding shall not go because the model is another one now and its encoding was broken off. */
function refuseToShrink(folder: string, documents: number): void {
  const path = join(folder, "meta.json");
  if (!existsSync(path)) return;
  const there = JSON.parse(readFileSync(path, "utf8")) as CollectionMeta;
  if (there.documents <= documents) return;
  throw new LzeroError(
    "collection_larger",
    `${folder} has ${there.documents} documents of model ${there.model.fingerprint}, now there are ${documents}: write them under another name with --as, or remove the folder`,
    { folder, documents: there.documents },
  );
}

async function writeRows(
  write: (file: string, parts: readonly ArrayBufferView[]) => Promise<void>,
  indptrFile: string,
  termsFile: string,
  rows: Rows,
): Promise<void> {
  await write(indptrFile, [rows.indptr]);
  await write(termsFile, [rows.terms]);
}

/** JSON lines, many to a block: a million small writes would take minutes. */
function* textBlocks(values: readonly object[]): Generator<Uint8Array> {
  for (let from = 0; from < values.length; from += CHUNK_DOCUMENTS) {
    const lines = values.slice(from, from + CHUNK_DOCUMENTS).map((value) => `${JSON.stringify(value)}\n`);
    yield Buffer.from(lines.join(""), "utf8");
  }
}

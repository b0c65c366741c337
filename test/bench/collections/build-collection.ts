/**
 * Makes a collection: reads its source, encodes what is not encoded yet, and writes the collection's files from all
 * that is. Chunks lie under the model's fingerprint and the hash of the documents, so that a change of either begins
 * anew and what was there stays.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { loadModelFiles } from "../../../batch/encoders/model-files.ts";
import { DEFAULT_MODEL, resolveModelFolder } from "../../../batch/encoders/open-encoder.ts";
import { type EncodeLimits, encodeChunks } from "./encode-chunks.ts";
import { type CollectionMeta, collectionFolder } from "./read-collection.ts";
import { type CollectionName, readSource, type SourceDocument } from "./sources.ts";
import { writeCollection } from "./write-collection.ts";

export interface BuildOptions extends EncodeLimits {
  /** @default the model that a fresh installation encodes with */
  readonly model?: string | undefined;
  /** Name of the collection that is written. @default the source's */
  readonly as?: string | undefined;
}

export async function buildCollection(name: CollectionName, options: BuildOptions): Promise<CollectionMeta> {
  const model = options.model ?? DEFAULT_MODEL;
  const files = await loadModelFiles(resolveModelFolder(model));
  const { manifest } = files;
  const source = await readSource(name);
  const sourceHash = hashDocuments(source.documents);
  const chunks = join(
    collectionFolder(name),
    `chunks-${manifest.fingerprint.slice(0, 12)}-${sourceHash.slice(0, 12)}`,
  );
  console.log(
    `${name}: ${source.documents.length} documents, model ${manifest.name} ${manifest.fingerprint}`,
  );
  const documents = await encodeChunks(source.documents, chunks, model, options);
  const written = options.as ?? name;
  const folder = collectionFolder(written);
  return writeCollection({ name: written, folder, chunks, documents, source, sourceHash, model: files });
}

function hashDocuments(documents: readonly SourceDocument[]): string {
  const hash = createHash("sha256");
  for (const { id, text } of documents) hash.update(`${JSON.stringify([id, text])}\n`);
  return hash.digest("hex");
}

/**
 * An encoded collection as an index, by the publisher that production runs; only the stores are in memory. In: a
 * collection and its model. Out: every KV value of the index. Encodes nothing.
 */
import { loadModelFiles } from "../../../batch/encoders/model-files.ts";
import { resolveModelFolder } from "../../../batch/encoders/open-encoder.ts";
import { refreshIdf } from "../../../batch/publish/idf-refresher.ts";
import { bindModel } from "../../../batch/publish/publish-target.ts";
import { type PublishDocument, Publisher } from "../../../batch/publish/publisher.ts";
import { MemoryStore } from "../../../batch/storage/memory-store.ts";
import { MAX_DOCUMENTS_PER_REQUEST } from "../../../shared/messages/limits.ts";
import type { PageEntry } from "../../../shared/storage/page-store.ts";
import { LocalCatalog } from "../../support/local-catalog.ts";
import { type BenchCollection, readDocuments } from "../collections/read-collection.ts";

/** @param segmentDocuments documents of a segment */
export async function publishCollection(
  collection: BenchCollection,
  index: string,
  segmentDocuments: number,
): Promise<PageEntry[]> {
  const model = await loadModelFiles(resolveModelFolder(collection.meta.model.name));
  const bound = bindModel(model.manifest, model.vocabulary, model.idf);
  const store = new MemoryStore();
  const catalog = new LocalCatalog(index);
  const target = { index, store, catalog };
  const publisher = new Publisher();
  const documents = readDocuments(collection.folder, collection.vectors.indptr.length - 1);
  for (let from = 0; from < documents.length; from += segmentDocuments) {
    const batch: PublishDocument[] = [];
    const end = Math.min(documents.length, from + segmentDocuments);
    for (let start = from; start < end; start += MAX_DOCUMENTS_PER_REQUEST) {
      const part = documents.slice(start, Math.min(end, start + MAX_DOCUMENTS_PER_REQUEST));
      const message = catalog.accept(part);
      message.documents.forEach(({ id, text, version, position }, at) => {
        const fields = { title: null, text, url: null, metadata: null };
        const vector = vectorOf(collection, start + at);
        batch.push({ ingestId: message.ingestId, position, version, id, fields, vector });
      });
    }
    await publisher.publish(target, bound, batch);
  }
  await refreshIdf(target, bound, { always: true });
  await catalog.putManifest(store);
  return Promise.all(store.keys().map(async (key) => ({ key, value: (await store.read(key))! })));
}

function vectorOf({ vectors, weights, own }: BenchCollection, row: number): PublishDocument["vector"] {
  const [from, to] = [vectors.indptr[row]!, vectors.indptr[row + 1]!];
  const ownTermIds = Uint32Array.from(own.terms.subarray(own.indptr[row]!, own.indptr[row + 1]!));
  return {
    termIds: Uint32Array.from(vectors.terms.subarray(from, to)),
    weights: weights.slice(from, to),
    ownTermIds,
    tokenCount: ownTermIds.length,
    truncated: false,
    unseenTokens: 0,
    cutByTopK: 0,
  };
}

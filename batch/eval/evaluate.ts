/**
 * Relevance and cost of an encoder on a test collection, through the code that production runs: the publisher writes
 * segments, the catalog decides what is live, queries read pages and are scored by the engine. Only the stores are in
 * memory. Enters: a collection and an encoder. Leaves: figures and the run they come from.
 */
import { Catalog } from "../../shared/catalog/catalog.ts";
import { indexSettingsSchema } from "../../shared/catalog/commands.ts";
import { MemoryOrderedStore } from "../../shared/catalog/memory-ordered-store.ts";
import { LzeroError } from "../../shared/errors.ts";
import type { Manifest } from "../../shared/format/manifest.ts";
import { decodeQueryTables, type QueryTables } from "../../shared/format/query-tables.ts";
import { decodeSegmentRoot } from "../../shared/format/segment-reader.ts";
import { encodedText } from "../../shared/messages/document.ts";
import type { IdfMode } from "../../shared/model/idf.ts";
import { encodeQuery, type QueryVector } from "../../shared/query/query-vector.ts";
import { search } from "../../shared/query/search.ts";
import { createWindowed } from "../../shared/query/windowed.ts";
import { pageKey, tablesKey } from "../../shared/storage/keys.ts";
import type { Tokenizer } from "../../shared/text/types.ts";
import type { CatalogPort } from "../catalog-port.ts";
import type { DocumentEncoder } from "../encoders/encoder.ts";
import { refreshIdf } from "../publish/idf-refresher.ts";
import { type BoundModel, bindModel, type IndexTarget } from "../publish/publish-target.ts";
import { type PublishDocument, Publisher } from "../publish/publisher.ts";
import { openWasmKernel } from "../query/wasm-kernel.ts";
import { MemoryStore } from "../storage/memory-store.ts";
import type { Collection, EvalDocument } from "./beir.ts";
import { evaluateRun, type Metrics } from "./metrics.ts";
import { type RankedDocument, rankingsOf, type ScoredRun } from "./trec-run.ts";

const INDEX = "eval";
/** A batch of the consumer: documents that become one segment. */
const SEGMENT_DOCUMENTS = 10_000;
/** Documents of one ingest record, as the API would accept them. */
const INGEST_DOCUMENTS = 500;
/** Recall is measured at this depth. */
const DEPTH = 100;

export interface EvalModel {
  readonly encoder: DocumentEncoder;
  readonly tokenizer: Tokenizer;
  /** Bytes of vocab.txt. */
  readonly vocabulary: Uint8Array;
  /** The model's own table. */
  readonly idf: Float32Array;
}

/** Figures of one way to weight queries. */
export interface EvalRow extends Metrics {
  readonly idf: IdfMode;
  readonly queries: number;
  /** Mean non-zero impacts a document. */
  readonly docLen: number;
  /** Expected multiplications per pair of query and document, Σ_j p_q(j) · p_d(j) (FACTS §1). */
  readonly flops: number;
  /** Mean terms of a query vector. */
  readonly queryTerms: number;
  readonly bytesPerPosting: number;
  /** Stored bytes of the index, documents included. */
  readonly indexBytes: number;
  /** Mean values of the store that a query reads for its 100 hits, nothing cached, and their bytes. */
  readonly readsPerQuery: number;
  readonly bytesPerQuery: number;
  readonly fingerprint: string;
}

export interface EvalResult {
  readonly documents: number;
  readonly rows: readonly EvalRow[];
  /** Hits by query, of each row. */
  readonly runs: readonly ScoredRun[];
  readonly documentsPerSecond: number;
  /** Documents with tokens that the model did not see. */
  readonly truncated: number;
  /** How many tokens those are. */
  readonly unseenTokens: number;
  /** Weights above the model's maxWeight. */
  readonly clipped: number;
}

export interface EvalProgress {
  readonly stage: "encode" | "search";
  readonly done: number;
  readonly total: number;
}

/**
 * Evaluates one encoder on one collection under each IDF asked for; documents are encoded once.
 * @throws LzeroError `evaluation_failed` when a document cannot be encoded; those of publishing and search
 */
export async function evaluate(
  collection: Collection,
  model: EvalModel,
  idfModes: readonly IdfMode[],
  onProgress: (progress: EvalProgress) => void,
): Promise<EvalResult> {
  const store = new MemoryStore();
  const catalog = new Catalog(new MemoryOrderedStore(), INDEX, { now: () => Date.now() });
  const settings = indexSettingsSchema.parse({
    encoder: model.encoder.manifest.identity.encoder,
    idf: "model",
  });
  catalog.create(settings);
  const bound = bindModel(model.encoder.manifest, model.vocabulary, model.idf);
  const target = { index: INDEX, store, catalog: asPort(catalog) };
  const startedMs = performance.now();
  const published = await publishCollection(collection, model.encoder, bound, target, catalog, onProgress);
  const seconds = (performance.now() - startedMs) / 1000;

  const cost = await postingCost(store, catalog.manifest(), model.idf.length);
  const rows: EvalRow[] = [];
  const runs: ScoredRun[] = [];
  for (const idf of idfModes) {
    catalog.create({ ...settings, idf });
    await refreshIdf(target, bound, { always: true });
    const { run, queries, reads, bytesRead } = await runQueries(
      collection,
      model.tokenizer,
      catalog.manifest(),
      store,
      (done) =>
        onProgress({
          stage: "search",
          done: rows.length * collection.queries.length + done,
          total: idfModes.length * collection.queries.length,
        }),
    );
    rows.push({
      idf,
      ...evaluateRun(collection.qrels, rankingsOf(run)),
      docLen: cost.postings / collection.documents.length,
      flops: expectedMultiplications(queries, cost.documentFrequencies, collection.documents.length),
      queryTerms: queries.reduce((sum, { termIds }) => sum + termIds.length, 0) / queries.length,
      bytesPerPosting: cost.listBytes / cost.postings,
      indexBytes: cost.indexBytes,
      readsPerQuery: reads / queries.length,
      bytesPerQuery: bytesRead / queries.length,
      fingerprint: model.encoder.manifest.fingerprint,
    });
    runs.push(run);
  }
  return {
    documents: collection.documents.length,
    rows,
    runs,
    documentsPerSecond: collection.documents.length / seconds,
    ...published,
  };
}

async function publishCollection(
  { documents }: Collection,
  encoder: DocumentEncoder,
  bound: BoundModel,
  target: IndexTarget,
  catalog: Catalog,
  onProgress: (progress: EvalProgress) => void,
): Promise<{ truncated: number; unseenTokens: number; clipped: number }> {
  const publisher = new Publisher();
  let truncated = 0;
  let unseenTokens = 0;
  let clipped = 0;
  for (let first = 0; first < documents.length; first += SEGMENT_DOCUMENTS) {
    const batch = documents.slice(first, first + SEGMENT_DOCUMENTS);
    const vectors = await encoder.encode(
      batch.map((document) => encodedText(document, ["title", "text"])),
      (done) => onProgress({ stage: "encode", done: first + done, total: documents.length }),
    );
    const accepted = acceptAll(catalog, batch, first);
    const toPublish = accepted.map((document, at): PublishDocument => {
      const vector = vectors[at]!;
      if (vector instanceof Error) {
        throw new LzeroError(
          "evaluation_failed",
          `document ${document.id} cannot be encoded`,
          { id: document.id },
          vector,
        );
      }
      return { ...document, vector };
    });
    const result = await publisher.publish(target, bound, toPublish);
    truncated += result.truncated;
    unseenTokens += result.unseenTokens;
    clipped += result.clipped;
  }
  return { truncated, unseenTokens, clipped };
}

/** Has the catalog accept a batch as ingests, as the API would. */
function acceptAll(
  catalog: Catalog,
  batch: readonly EvalDocument[],
  first: number,
): Omit<PublishDocument, "vector">[] {
  const accepted: Omit<PublishDocument, "vector">[] = [];
  for (let start = 0; start < batch.length; start += INGEST_DOCUMENTS) {
    const part = batch.slice(start, start + INGEST_DOCUMENTS);
    const ingestId = (first + start).toString(16).padStart(32, "0");
    const { firstVersion } = catalog.accept({ ingestId, positions: part.length, rejected: [], digest: "" });
    part.forEach(({ id, title, text }, position) => {
      const fields = { title, text, url: null, metadata: null };
      accepted.push({ ingestId, position, version: firstVersion + position, id, fields });
    });
  }
  return accepted;
}

async function runQueries(
  { queries }: Collection,
  tokenizer: Tokenizer,
  manifest: Manifest,
  store: MemoryStore,
  onProgress: (done: number) => void,
): Promise<{ run: ScoredRun; queries: QueryVector[]; reads: number; bytesRead: number }> {
  const run = new Map<string, RankedDocument[]>();
  let reads = 0;
  let bytesRead = 0;
  const vectors: QueryVector[] = [];
  const algorithm = createWindowed(openWasmKernel());
  const tables = await readTables(store, manifest);
  for (const { id, text } of queries) {
    const vector = encodeQuery(text, tokenizer, tables);
    const { hits, stats } = await search(store, manifest, vector, { k: DEPTH, offset: 0, algorithm });
    // A collection in which a query is a document of its own (ArguAna) leaves the document out, as BEIR does.
    run.set(
      id,
      hits
        .map(({ document, integerScore }) => ({ id: document.id, score: integerScore }))
        .filter((hit) => hit.id !== id),
    );
    reads += stats.reads;
    bytesRead += stats.bytesRead;
    vectors.push(vector);
    onProgress(vectors.length);
  }
  return { run, queries: vectors, reads, bytesRead };
}

/** The query tables that the manifest names, as a Worker reads them. */
async function readTables(store: MemoryStore, { index, model }: Manifest): Promise<QueryTables> {
  if (model === null) throw new LzeroError("evaluation_failed", `${index} has no model`, { index });
  const key = tablesKey(model.tables);
  const value = await store.read(key);
  if (value === null) throw new LzeroError("page_missing", `${key} is not there`, { key });
  return decodeQueryTables(value, model.tables, key);
}

interface PostingCost {
  readonly postings: number;
  readonly listBytes: number;
  readonly indexBytes: number;
  readonly documentFrequencies: Uint32Array;
}

async function postingCost(
  store: MemoryStore,
  manifest: Manifest,
  vocabularySize: number,
): Promise<PostingCost> {
  const documentFrequencies = new Uint32Array(vocabularySize);
  let postings = 0;
  let listBytes = 0;
  for (const { segmentId } of manifest.segments) {
    const key = pageKey(INDEX, segmentId, 0);
    const value = await store.read(key);
    if (value === null) throw new LzeroError("page_missing", `${key} is not there`, { key });
    for (const entry of decodeSegmentRoot(value, segmentId, key).entries()) {
      documentFrequencies[entry.termId]! += entry.documentFrequency;
      postings += entry.documentFrequency;
      listBytes += entry.length;
    }
  }
  const indexBytes = manifest.segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { postings, listBytes, indexBytes, documentFrequencies };
}

function expectedMultiplications(
  queries: readonly QueryVector[],
  documentFrequencies: Uint32Array,
  documents: number,
): number {
  let sum = 0;
  for (const { termIds } of queries) for (const term of termIds) sum += documentFrequencies[term]!;
  return sum / (queries.length * documents);
}

/** The pure catalog behind the interface of the remote one. */
function asPort(catalog: Catalog): CatalogPort {
  return {
    stage: async (request) => catalog.stage(request),
    locate: async (request) => catalog.locate(request),
    commit: async (request) => catalog.commit(request),
    abort: async (request) => catalog.abort(request),
    settle: async (request) => catalog.settle(request),
    status: async () => catalog.status(),
    collect: async (request) => catalog.collect(request),
    pending: async (request) => catalog.pending(request),
    weigh: async (request) => catalog.weigh(request),
  };
}

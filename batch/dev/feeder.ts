/**
 * Brings the stack's corpus in through its front door: HTTP API, queue, consumer, KV. In: a corpus and a running
 * stack. Out: an index that answers, then one that is complete. A second start sends only what is still pending.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { LzeroError } from "../../shared/errors.ts";
import { type Batch, makeBatches, type SkippedLine } from "../corpus/batches.ts";
import { type CorpusRecord, readCorpusFile } from "../corpus/corpus-file.ts";
import type { IngestClient } from "../corpus/ingest-client.ts";
import { Transfer, type TransferProgress, type TransferResult } from "../corpus/transfer.ts";
import { readWordNet } from "../corpus/wordnet.ts";

export interface FeederOptions {
  readonly client: IngestClient;
  readonly index: string;
  /** Null: WordNet. */
  readonly corpusPath: string | null;
  /** Null: all documents. */
  readonly limit: number | null;
  readonly signal: AbortSignal;
  /** A search gave a hit. */
  readonly onReady: () => void;
  /** `total` is null until the corpus was read once to its end. */
  readonly onProgress: (progress: TransferProgress & { readonly total: number | null }) => void;
  /** One line a stage for the log. */
  readonly onStage: (stage: string, documents: number, durationMs: number) => void;
}

/** The consumer takes 10,000 documents into one segment: it always finds the next batch waiting. */
const MAX_PENDING = 20_000;
const READY_POLL_MS = 300;
/** Query bytes that the readiness probe takes of a document: well under the limit of 2 KB. */
const PROBE_CHARACTERS = 200;

export class Feeder {
  readonly #options: FeederOptions;
  #transfer: Transfer | null = null;

  constructor(options: FeederOptions) {
    this.#options = options;
  }

  /** Says that the queue lost what it held. */
  reportLostQueue(): void {
    this.#transfer?.reportLostQueue();
  }

  /** Runs to the end of the corpus. */
  async run(): Promise<TransferResult & { readonly documents: number; readonly durationMs: number }> {
    const { client, index, corpusPath, limit, signal, onProgress, onStage } = this.#options;
    const startedMs = Date.now();
    const corpus = await openCorpus(corpusPath, limit);
    if (corpus.total !== null) onStage("read", corpus.total, Date.now() - startedMs);
    await client.createIndex(index, corpusPath === null ? { encodedFields: ["text"] } : {});
    let total = corpus.total;
    let probe: ((query: string) => void) | null = (query) => {
      probe = null;
      void this.#waitUntilReady(query);
    };
    const openBatches = async function* (onSkipped: (skipped: SkippedLine) => void): AsyncGenerator<Batch> {
      let documents = 0;
      for await (const batch of makeBatches(corpus.open(), onSkipped)) {
        documents += batch.lines.length;
        yield batch;
        probe?.(probeQuery(batch));
      }
      if (total === null) onStage("read and sent", documents, Date.now() - startedMs);
      else onStage("sent", documents, Date.now() - startedMs);
      total = documents;
    };
    this.#transfer = new Transfer({
      client,
      index,
      // Without a number of its own: every start of this stack goes on with the same transfer.
      run: "corpus",
      openBatches,
      resume: true,
      maxPending: MAX_PENDING,
      signal,
      onProgress: (progress) => onProgress({ ...progress, total }),
    });
    const result = await this.#transfer.run();
    const durationMs = Date.now() - startedMs;
    onStage("indexed", result.sentNow, durationMs);
    return { ...result, documents: result.counts.indexed ?? 0, durationMs };
  }

  async #waitUntilReady(query: string): Promise<void> {
    const { client, index, signal, onReady } = this.#options;
    while (!signal.aborted) {
      // Until the first commit the API says that the index has nothing to search yet.
      const answer = await client.search(index, query, 1).catch(() => null);
      if (answer !== null && answer.hits.length > 0) {
        onReady();
        return;
      }
      await sleep(READY_POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

interface Corpus {
  /** Null when that is known only at the end. */
  readonly total: number | null;
  readonly open: () => AsyncIterable<CorpusRecord> | Iterable<CorpusRecord>;
}

async function openCorpus(path: string | null, limit: number | null): Promise<Corpus> {
  if (path === "-") {
    throw new LzeroError(
      "corpus_unreadable",
      "a corpus from standard input cannot be read twice: give a file",
      {
        path,
      },
    );
  }
  if (path !== null) {
    return { total: null, open: () => takeRecords(readCorpusFile(path), limit ?? Number.POSITIVE_INFINITY) };
  }
  const documents = (await readWordNet()).slice(0, limit ?? undefined);
  const records = documents.map((document, at) => ({ line: at + 1, document: { ...document } }));
  return { total: records.length, open: () => records };
}

async function* takeRecords(
  records: AsyncIterable<CorpusRecord>,
  limit: number,
): AsyncGenerator<CorpusRecord> {
  let taken = 0;
  if (taken >= limit) return;
  for await (const record of records) {
    yield record;
    if (++taken >= limit) return;
  }
}

/** The text of a batch's first document: a query that must find something once that batch is indexed. */
function probeQuery(batch: Batch): string {
  const [first] = JSON.parse(batch.body) as { readonly text?: unknown }[];
  return String(first?.text ?? "").slice(0, PROBE_CHARACTERS);
}

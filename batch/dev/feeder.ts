/**
 * Brings the stack's corpus in through its front door: HTTP API, queue, consumer, KV. In: a corpus and a running
 * stack. Out: an index that answers, then one that is complete. A second start sends only what is still pending.
 */
import { access } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { IndexSettings } from "../../shared/catalog/commands.ts";
import { LzeroError } from "../../shared/errors.ts";
import { type Batch, makeBatches, type SkippedLine } from "../corpus/batches.ts";
import { type CorpusRecord, readCorpusFile } from "../corpus/corpus-file.ts";
import type { IngestClient } from "../corpus/ingest-client.ts";
import { Transfer, type TransferProgress, type TransferResult } from "../corpus/transfer.ts";
import { readWordNet } from "../corpus/wordnet.ts";

export interface FeederOptions {
  readonly client: IngestClient;
  readonly index: string;
  readonly corpus: Corpus;
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
/** A small segment first: 1,000 documents can be found while 10,000 would still be encoded. */
const FIRST_BATCHES = 2;
const MAX_FIRST_WAIT_MS = 15_000;
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
    const { client, index, corpus, signal, onProgress, onStage } = this.#options;
    const startedMs = Date.now();
    await client.createIndex(index, corpus.settings);
    let total = corpus.total;
    let isSent = false;
    let ready: Promise<void> | null = null;
    const waitUntilReady = (batch: Batch): Promise<void> => this.#waitUntilReady(probeQuery(batch));
    const pause = (durationMs: number): Promise<void> =>
      sleep(durationMs, undefined, { signal, ref: false }).catch(() => undefined);
    async function* openBatches(onSkipped: (skipped: SkippedLine) => void): AsyncGenerator<Batch> {
      let documents = 0;
      for await (const batch of makeBatches(corpus.open(), onSkipped)) {
        documents += batch.lines.length;
        yield batch;
        ready ??= waitUntilReady(batch);
        if (batch.number + 1 === FIRST_BATCHES) await Promise.race([ready, pause(MAX_FIRST_WAIT_MS)]);
      }
      if (!isSent) onStage("sent", documents, Date.now() - startedMs);
      isSent = true;
      total = documents;
    }
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
    // With no document in the index no search can answer, and the result says why.
    if ((result.counts.indexed ?? 0) > 0) await ready;
    await this.#refreshEdge();
    return { ...result, documents: result.counts.indexed ?? 0, durationMs };
  }

  /** Has the Worker take the last generation now; else it would keep the one that it holds for some seconds. */
  async #refreshEdge(): Promise<void> {
    const { client, index } = this.#options;
    const generation = (await client.status(index))?.generation ?? 0;
    if (generation > 0) await client.search(index, "complete", 1, generation);
  }

  /**
   * Waits for the first generation and then asks for it: a search before it would have the Worker keep an empty
   * manifest for some seconds.
   */
  async #waitUntilReady(query: string): Promise<void> {
    const { client, index, signal, onReady } = this.#options;
    while (!signal.aborted) {
      const status = await client.status(index).catch(() => null);
      if (status !== null && status.generation > 0) {
        const answer = await client.search(index, query, 1, status.generation).catch(() => null);
        if (answer !== null && answer.hits.length > 0) {
          onReady();
          return;
        }
      }
      await sleep(READY_POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

export interface Corpus {
  readonly settings: Partial<IndexSettings>;
  /** Null when that is known only at the end. */
  readonly total: number | null;
  /** Time that reading took before the first document could go out. */
  readonly readMs: number;
  readonly open: () => AsyncIterable<CorpusRecord> | Iterable<CorpusRecord>;
}

/**
 * Opens what goes in.
 * @param path null: WordNet
 * @param limit null: all documents
 * @throws LzeroError `corpus_unreadable`, `corpus_format_unknown`, `corpus_missing`, `corpus_invalid`
 */
export async function openCorpus(path: string | null, limit: number | null): Promise<Corpus> {
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
    await access(path).catch((cause: unknown) => {
      throw new LzeroError(
        "corpus_unreadable",
        `${path} cannot be read: is the path right?`,
        { path },
        cause,
      );
    });
    // Refuses a name of no known format.
    readCorpusFile(path);
    const open = (): AsyncIterable<CorpusRecord> =>
      takeRecords(readCorpusFile(path), limit ?? Number.POSITIVE_INFINITY);
    return { settings: {}, total: null, readMs: 0, open };
  }
  const startedMs = Date.now();
  const documents = (await readWordNet()).slice(0, limit ?? undefined);
  const records = documents.map((document, at) => ({ line: at + 1, document: { ...document } }));
  const readMs = Date.now() - startedMs;
  return { settings: { encodedFields: ["text"] }, total: records.length, readMs, open: () => records };
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

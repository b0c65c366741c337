/**
 * The neural document encoder: texts → WordPiece → batches of like length → worker threads that own onnxruntime
 * sessions → sparse vectors in the order of the texts. Pooling, activation, pruning and top-k happen in the graph.
 */
import { availableParallelism } from "node:os";
import { setImmediate as nextTurn } from "node:timers/promises";
import { isLzeroError, LzeroError } from "../../../shared/errors.ts";
import { DocumentWeigher } from "../../../shared/model/document-weight.ts";
import type { ModelManifest } from "../../../shared/model/model-manifest.ts";
import type { Tokenizer } from "../../../shared/text/types.ts";
import { Vocabulary } from "../../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../../shared/text/word-piece.ts";
import type { DocumentEncoder, EncodedDocument } from "../encoder.ts";
import type { ModelFiles } from "../model-files.ts";
import { planBatches } from "./batch-plan.ts";
import { SessionPool } from "./session-pool.ts";
import { SessionWorker } from "./session-worker.ts";
import { type TokenizedDocument, tokenizeDocument } from "./tokenized-document.ts";
import type { BatchRequest, BatchVectors, Device } from "./worker-messages.ts";

export interface OnnxEncoderOptions {
  /**
   * `cuda` fails with `encoder_device_unavailable` where there is none; `auto` takes cuda where it works, else the cpu:
   * `encoder.device` says which.
   * @default "cpu"
   */
  readonly device?: Device | "auto";
  /** Threads of all sessions together. @default the cores that the process may use, at most 16 */
  readonly threads?: number;
  /** Sessions, each in its own worker thread. @default one for each thread on the cpu, 1 on cuda */
  readonly sessions?: number;
  /** Padded tokens of a batch. @default 1,024 on the cpu (the head's results then stay in the cache), 16,384 on cuda */
  readonly tokenBudget?: number;
  /** The bundled worker. @default onnx-worker.js beside the running bundle */
  readonly workerUrl?: URL;
}

/** Documents that are tokenized, sorted and batched together: enough for little padding, few enough to overlap. */
const WINDOW_DOCUMENTS = 2048;
const MAX_ROWS = 256;
const MAX_DEFAULT_THREADS = 16;
/** Tokenizing yields to the event loop after so long, for timers such as a queue's heartbeat. */
const TOKENIZE_SLICE_MS = 10;

export class OnnxEncoder implements DocumentEncoder {
  readonly manifest: ModelManifest;
  /** Where the model runs. */
  readonly device: Device;

  private readonly tokenizer: Tokenizer;
  private readonly weigher: DocumentWeigher;
  private readonly pool: SessionPool;
  private readonly tokenBudget: number;
  private readonly maxLength: number;
  private isClosed = false;

  private constructor(
    files: ModelFiles,
    maxLength: number,
    device: Device,
    pool: SessionPool,
    tokenBudget: number,
  ) {
    this.manifest = files.manifest;
    this.device = device;
    this.tokenizer = new WordPieceTokenizer(Vocabulary.parse(files.vocabulary));
    this.weigher = new DocumentWeigher(files.manifest.identity, files.idf, files.stems);
    this.pool = pool;
    this.tokenBudget = tokenBudget;
    this.maxLength = maxLength;
  }

  /**
   * Starts the sessions.
   * @throws LzeroError `model_unsupported`, `encoder_device_unavailable`, `encoder_start_failed`
   */
  static async create(files: ModelFiles, options: OnnxEncoderOptions = {}): Promise<OnnxEncoder> {
    const { identity, name } = files.manifest;
    const { weights } = files;
    const { maxLength } = identity;
    if (identity.encoder !== "onnx" || weights === null || maxLength === null) {
      throw new LzeroError("model_unsupported", `model ${name} is not an ONNX encoder`, { model: name });
    }
    const open = async (device: Device): Promise<OnnxEncoder> => {
      const threads = options.threads ?? Math.min(MAX_DEFAULT_THREADS, availableParallelism());
      const sessions = options.sessions ?? (device === "cpu" ? threads : 1);
      const url = options.workerUrl ?? new URL("./onnx-worker.js", import.meta.url);
      const settings = {
        weights,
        device,
        threads: Math.max(1, Math.floor(threads / sessions)),
        topK: identity.topK,
      };
      const pool = new SessionPool(Array.from({ length: sessions }, () => new SessionWorker(url, settings)));
      try {
        await pool.start();
      } catch (error) {
        await pool.close();
        throw error;
      }
      const tokenBudget = options.tokenBudget ?? (device === "cpu" ? 1024 : 16_384);
      return new OnnxEncoder(files, maxLength, device, pool, tokenBudget);
    };
    const wanted = options.device ?? "cpu";
    if (wanted !== "auto") return open(wanted);
    try {
      return await open("cuda");
    } catch (error) {
      if (!isLzeroError(error, "encoder_device_unavailable")) throw error;
      return open("cpu");
    }
  }

  /**
   * @throws LzeroError `encoder_crashed` when a worker died with a batch of this call; `encoder_closed`. Another call
   * may follow a crash.
   */
  async encode(
    texts: readonly string[],
    onProgress: (done: number) => void = () => {},
  ): Promise<(EncodedDocument | Error)[]> {
    if (this.isClosed) throw new LzeroError("encoder_closed", "the encoder is closed");
    const results = new Array<EncodedDocument | Error>(texts.length);
    const abort = new AbortController();
    let done = 0;
    const finish = (position: number, result: EncodedDocument | Error) => {
      results[position] = result;
      done++;
    };
    let running: Promise<void> = Promise.resolve();
    try {
      for (let from = 0; from < texts.length; from += WINDOW_DOCUMENTS) {
        const documents = await this.tokenizeWindow(texts.slice(from, from + WINDOW_DOCUMENTS), abort.signal);
        // One window runs while the next is tokenized, no more.
        await running;
        running = this.encodeWindow(documents, from, finish, () => onProgress(done), abort.signal);
        running.catch((error) => abort.abort(error));
      }
      await running;
    } catch (error) {
      abort.abort(error);
      throw error;
    }
    return results;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.pool.close();
  }

  private async tokenizeWindow(texts: readonly string[], signal: AbortSignal): Promise<TokenizedDocument[]> {
    const documents: TokenizedDocument[] = [];
    let sliceEnd = performance.now() + TOKENIZE_SLICE_MS;
    for (const text of texts) {
      documents.push(tokenizeDocument(this.tokenizer, text, this.maxLength));
      if (performance.now() > sliceEnd) {
        await nextTurn();
        signal.throwIfAborted();
        sliceEnd = performance.now() + TOKENIZE_SLICE_MS;
      }
    }
    return documents;
  }

  private async encodeWindow(
    documents: readonly TokenizedDocument[],
    from: number,
    finish: (position: number, result: EncodedDocument | Error) => void,
    report: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const lengths = documents.map((document) => document.inputIds.length);
    lengths.forEach((length, index) => {
      if (length === 0) finish(from + index, this.toEncoded(documents[index]!, NO_VECTORS, 0));
    });
    if (lengths.includes(0)) report();
    const batches = planBatches(lengths, { tokenBudget: this.tokenBudget, maxRows: MAX_ROWS });
    await Promise.all(
      batches.map(async (batch) => {
        const members = batch.map((index) => documents[index]!);
        const encoded = await this.encodeBatch(members, signal);
        batch.forEach((index, row) => {
          finish(from + index, encoded[row]!);
        });
        report();
      }),
    );
  }

  /** A batch that fails is tried again document by document, so that only the one at fault is an error. */
  private async encodeBatch(
    documents: readonly TokenizedDocument[],
    signal: AbortSignal,
  ): Promise<(EncodedDocument | Error)[]> {
    try {
      const vectors = await this.pool.run(() => padBatch(documents), signal);
      return documents.map((document, row) => this.toEncoded(document, vectors, row));
    } catch (error) {
      if (!isLzeroError(error, "encoder_batch_failed")) throw error;
      if (documents.length === 1) return [error];
      const alone = await Promise.all(documents.map((document) => this.encodeBatch([document], signal)));
      return alone.flat();
    }
  }

  private toEncoded(document: TokenizedDocument, vectors: BatchVectors, row: number): EncodedDocument {
    const start = vectors.offsets[row]!;
    const end = vectors.offsets[row + 1]!;
    const neural = {
      termIds: vectors.termIds.slice(start, end),
      weights: vectors.weights.slice(start, end),
    };
    return {
      ...this.weigher.weigh(neural, document.ownTokens),
      ownTermIds: document.ownTermIds,
      tokenCount: document.tokenCount,
      truncated: document.truncated,
      cutByTopK: vectors.cutByTopK[row]!,
    };
  }
}

const NO_VECTORS: BatchVectors = {
  offsets: new Uint32Array(2),
  termIds: new Uint32Array(0),
  weights: new Float32Array(0),
  cutByTopK: new Uint32Array(1),
};

/** Lays rows side by side, padded with 0 to the longest. */
function padBatch(documents: readonly TokenizedDocument[]): Omit<BatchRequest, "requestId"> {
  const lengths = Int32Array.from(documents, (document) => document.inputIds.length);
  const length = lengths.reduce((longest, each) => Math.max(longest, each), 0);
  const tokenIds = new Int32Array(documents.length * length);
  documents.forEach((document, row) => {
    tokenIds.set(document.inputIds, row * length);
  });
  return { tokenIds, lengths, length };
}

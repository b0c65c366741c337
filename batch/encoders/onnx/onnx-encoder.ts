/**
 * The neural document encoder: texts → WordPiece → windows → batches of like length → worker threads that own
 * onnxruntime sessions → sparse vectors in the order of the texts. Pooling, activation, pruning and top-k of a window
 * happen in the graph; a document's windows are joined here.
 */
import { availableParallelism } from "node:os";
import { setImmediate as nextTurn } from "node:timers/promises";
import { isLzeroError, LzeroError } from "../../../shared/errors.ts";
import { DocumentWeigher } from "../../../shared/model/document-weight.ts";
import type { SparseWeights } from "../../../shared/model/lexical.ts";
import type { ModelManifest } from "../../../shared/model/model-manifest.ts";
import { joinWindows } from "../../../shared/model/windows.ts";
import type { Tokenizer } from "../../../shared/text/types.ts";
import { Vocabulary } from "../../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../../shared/text/word-piece.ts";
import type { DocumentEncoder, EncodedDocument } from "../encoder.ts";
import type { ModelFiles } from "../model-files.ts";
import { planBatches } from "./batch-plan.ts";
import { requireCudaGraph } from "./cuda.ts";
import { SessionPool } from "./session-pool.ts";
import { SessionWorker } from "./session-worker.ts";
import { type TokenizedDocument, tokenizeDocument, type WindowedLength } from "./tokenized-document.ts";
import type { BatchRequest, BatchVectors, Device } from "./worker-messages.ts";

export interface OnnxEncoderOptions {
  /**
   * `cuda` fails with `encoder_device_unavailable` where there is none and with `encoder_device_unsupported` for a graph
   * that has no kernels there; `auto` takes cuda where it works, else the cpu.
   * @default "cpu"
   */
  readonly device?: Device | "auto";
  /** Told once where the model runs, and why not on cuda where `auto` could not take it. */
  readonly onDevice?: (device: Device, whyNotCuda: string | null) => void;
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
const GROUP_DOCUMENTS = 2048;
const MAX_ROWS = 256;
const MAX_DEFAULT_THREADS = 16;
/** Tokenizing yields to the event loop after so long, for timers such as a queue's heartbeat. */
const TOKENIZE_SLICE_MS = 10;

/** What the model was given so far. */
export interface EncoderWork {
  readonly batches: number;
  readonly windows: number;
  /** Tokens of the windows, [CLS] and [SEP] included. */
  readonly tokens: number;
  /** The same and what pads them. */
  readonly paddedTokens: number;
}

/** The graph's vector of one window. */
interface WindowVector extends SparseWeights {
  readonly cutByTopK: number;
}

export class OnnxEncoder implements DocumentEncoder {
  readonly manifest: ModelManifest;
  /** Where the model runs. */
  readonly device: Device;

  private readonly tokenizer: Tokenizer;
  private readonly weigher: DocumentWeigher;
  private readonly pool: SessionPool;
  private readonly tokenBudget: number;
  private readonly length: WindowedLength;
  private given: EncoderWork = { batches: 0, windows: 0, tokens: 0, paddedTokens: 0 };
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
    this.length = { maxLength, ...files.manifest.identity.windows };
  }

  get work(): EncoderWork {
    return this.given;
  }

  /**
   * Starts the sessions.
   * @throws LzeroError `model_unsupported`, `encoder_device_unavailable`, `encoder_device_unsupported`,
   * `encoder_start_failed`
   */
  static async create(files: ModelFiles, options: OnnxEncoderOptions = {}): Promise<OnnxEncoder> {
    const { identity, name } = files.manifest;
    const { weights } = files;
    const { maxLength } = identity;
    if (identity.encoder !== "onnx" || weights === null || maxLength === null) {
      throw new LzeroError("model_unsupported", `model ${name} is not an ONNX encoder`, { model: name });
    }
    const open = async (device: Device, whyNotCuda: string | null = null): Promise<OnnxEncoder> => {
      if (device === "cuda") requireCudaGraph(weights, name);
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
      options.onDevice?.(device, whyNotCuda);
      return new OnnxEncoder(files, maxLength, device, pool, tokenBudget);
    };
    const wanted = options.device ?? "cpu";
    if (wanted !== "auto") return open(wanted);
    try {
      return await open("cuda");
    } catch (error) {
      const isOfDevice =
        isLzeroError(error, "encoder_device_unavailable") ||
        isLzeroError(error, "encoder_device_unsupported");
      if (!isOfDevice) throw error;
      return open("cpu", error.message);
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
      for (let from = 0; from < texts.length; from += GROUP_DOCUMENTS) {
        const documents = await this.tokenizeGroup(texts.slice(from, from + GROUP_DOCUMENTS), abort.signal);
        // One group runs while the next is tokenized, no more.
        await running;
        running = this.encodeGroup(documents, from, finish, () => onProgress(done), abort.signal);
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

  private async tokenizeGroup(texts: readonly string[], signal: AbortSignal): Promise<TokenizedDocument[]> {
    const documents: TokenizedDocument[] = [];
    let sliceEnd = performance.now() + TOKENIZE_SLICE_MS;
    for (const text of texts) {
      documents.push(tokenizeDocument(this.tokenizer, text, this.length));
      if (performance.now() > sliceEnd) {
        await nextTurn();
        signal.throwIfAborted();
        sliceEnd = performance.now() + TOKENIZE_SLICE_MS;
      }
    }
    return documents;
  }

  private async encodeGroup(
    documents: readonly TokenizedDocument[],
    from: number,
    finish: (position: number, result: EncodedDocument | Error) => void,
    report: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const windows = documents.flatMap((document) => document.windows);
    const documentOf = documents.flatMap((document, index) => document.windows.map(() => index));
    const vectors = documents.map((): (WindowVector | Error)[] => []);
    documents.forEach((document, index) => {
      if (document.windows.length === 0) finish(from + index, this.toEncoded(document, []));
    });
    if (documents.some((document) => document.windows.length === 0)) report();
    const lengths = windows.map((window) => window.length);
    const batches = planBatches(lengths, { tokenBudget: this.tokenBudget, maxRows: MAX_ROWS });
    await Promise.all(
      batches.map(async (batch) => {
        const encoded = await this.encodeBatch(
          batch.map((window) => windows[window]!),
          signal,
        );
        batch.forEach((window, row) => {
          const index = documentOf[window]!;
          const document = documents[index]!;
          vectors[index]!.push(encoded[row]!);
          if (vectors[index]!.length === document.windows.length)
            finish(from + index, this.toEncoded(document, vectors[index]!));
        });
        report();
      }),
    );
  }

  /** A batch that fails is tried again window by window, so that only the one at fault is an error. */
  private async encodeBatch(
    windows: readonly Int32Array[],
    signal: AbortSignal,
  ): Promise<(WindowVector | Error)[]> {
    try {
      const vectors = await this.pool.run(() => this.padBatch(windows), signal);
      return windows.map((_, row) => vectorOf(vectors, row));
    } catch (error) {
      if (!isLzeroError(error, "encoder_batch_failed")) throw error;
      if (windows.length === 1) return [error];
      const alone = await Promise.all(windows.map((window) => this.encodeBatch([window], signal)));
      return alone.flat();
    }
  }

  /** @param vectors of all windows in any order: a maximum and a sum do not depend on it */
  private toEncoded(
    document: TokenizedDocument,
    vectors: readonly (WindowVector | Error)[],
  ): EncodedDocument | Error {
    const windows: WindowVector[] = [];
    for (const vector of vectors) {
      if (vector instanceof Error) return vector;
      windows.push(vector);
    }
    const only = windows.length === 1 ? windows[0]! : null;
    const neural = only === null ? joinWindows(windows, this.manifest.identity) : { ...only, cut: 0 };
    return {
      ...this.weigher.weigh({ termIds: neural.termIds, weights: neural.weights }, document.ownTokens),
      ownTermIds: document.ownTermIds,
      tokenCount: document.tokenCount,
      truncated: document.unseenTokens > 0,
      unseenTokens: document.unseenTokens,
      cutByTopK: windows.reduce((sum, { cutByTopK }) => sum + cutByTopK, neural.cut),
    };
  }

  /** Lays windows side by side, padded with 0 to the longest. */
  private padBatch(windows: readonly Int32Array[]): Omit<BatchRequest, "requestId"> {
    const lengths = Int32Array.from(windows, (window) => window.length);
    const length = lengths.reduce((longest, each) => Math.max(longest, each), 0);
    const tokenIds = new Int32Array(windows.length * length);
    windows.forEach((window, row) => {
      tokenIds.set(window, row * length);
    });
    this.given = {
      batches: this.given.batches + 1,
      windows: this.given.windows + windows.length,
      tokens: this.given.tokens + lengths.reduce((sum, each) => sum + each, 0),
      paddedTokens: this.given.paddedTokens + tokenIds.length,
    };
    return { tokenIds, lengths, length };
  }
}

function vectorOf(vectors: BatchVectors, row: number): WindowVector {
  const start = vectors.offsets[row]!;
  const end = vectors.offsets[row + 1]!;
  return {
    termIds: vectors.termIds.slice(start, end),
    weights: vectors.weights.slice(start, end),
    cutByTopK: vectors.cutByTopK[row]!,
  };
}

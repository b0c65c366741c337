/**
 * The models of a consumer process: the neural one from its folder, and BM25 over the same vocabulary, which costs
 * nothing to have. BM25 is plain JavaScript: no text can end the process through it, so it needs none of its own.
 */
import type { CatalogStatus } from "../../shared/catalog/commands.ts";
import type { Tokenizer } from "../../shared/text/types.ts";
import {
  AVERAGE_LENGTH_SAMPLE,
  Bm25Encoder,
  bm25Manifest,
  measureAverageLength,
} from "../encoders/bm25-encoder.ts";
import { VectorCache } from "../encoders/cache/vector-cache.ts";
import { CachingEncoder } from "../encoders/encode-cache.ts";
import type { ModelFiles } from "../encoders/model-files.ts";
import type { OnnxEncoderOptions } from "../encoders/onnx/onnx-encoder.ts";
import { openEncoder } from "../encoders/open-encoder.ts";
import type { Logger } from "../logging.ts";
import { bindModel } from "../publish/publish-target.ts";
import { IsolatedEncoder } from "./isolated-encoder.ts";
import type { ModelOf, ServedModel, TextEncoderPort } from "./model-source.ts";

export interface ServedModelsOptions {
  /** Name or folder. */
  readonly model: string;
  readonly onnx: OnnxEncoderOptions;
  /** Script and arguments that end in `serveEncoder` with the same model. */
  readonly isolated: { readonly modulePath: string; readonly args: readonly string[] };
  /** Folder of vectors, so that a text that comes again unchanged is not encoded again; null: none. */
  readonly encodeCache: string | null;
  readonly logger: Logger;
}

export interface ServedModels {
  readonly modelOf: ModelOf;
  /** Fingerprint of the neural model. */
  readonly fingerprint: string;
  close(): Promise<void>;
}

/** @throws LzeroError of `openEncoder`; `encode_cache_unavailable` */
export async function openServedModels(options: ServedModelsOptions): Promise<ServedModels> {
  const { encoder, tokenizer, files } = await openEncoder(options.model, options.onnx);
  const isolated = new IsolatedEncoder(options.isolated);
  const { manifest } = files;
  const cache =
    options.encodeCache === null
      ? null
      : await VectorCache.open({
          folder: options.encodeCache,
          fingerprint: manifest.fingerprint,
          logger: options.logger,
        }).catch(async (error: unknown) => {
          await encoder.close();
          throw error;
        });
  // What is known was encoded before and killed nobody: it needs no process of its own either.
  const cached = (behind: TextEncoderPort) =>
    cache === null ? behind : new CachingEncoder(manifest, behind, cache);
  const neural: ServedModel = {
    bound: bindModel(manifest, files.vocabulary, files.idf),
    encoder: cached(encoder),
    isolated: cached(isolated),
  };
  const bm25 = new Bm25Models(files, tokenizer);
  return {
    fingerprint: manifest.fingerprint,
    modelOf: (status, texts) => (status.settings.encoder === "bm25" ? bm25.of(status, texts) : neural),
    close: async () => {
      await isolated.close();
      await encoder.close();
      await cache?.close();
    },
  };
}

/** BM25 with the average length of each index: pinned by its first commit, given by its settings, or measured. */
export class Bm25Models {
  readonly #files: ModelFiles;
  readonly #tokenizer: Tokenizer;
  readonly #byLength = new Map<number, ServedModel>();
  /** What this process measured for indexes that were not bound then: every batch must take the same. */
  readonly #measured = new Map<string, number>();

  constructor(files: ModelFiles, tokenizer: Tokenizer) {
    this.#files = files;
    this.#tokenizer = tokenizer;
  }

  of(status: CatalogStatus, texts: () => readonly string[]): ServedModel {
    const length =
      status.model?.averageLength ?? status.settings.averageLength ?? this.#measure(status.index, texts);
    const known = this.#byLength.get(length);
    if (known !== undefined) return known;
    const { manifest, vocabulary, idf } = this.#files;
    const encoder = new Bm25Encoder(
      bm25Manifest(manifest.identity, manifest.vocabularySize, length),
      this.#tokenizer,
    );
    const model = { bound: bindModel(encoder.manifest, vocabulary, idf), encoder, isolated: encoder };
    this.#byLength.set(length, model);
    return model;
  }

  #measure(index: string, texts: () => readonly string[]): number {
    const known = this.#measured.get(index);
    if (known !== undefined) return known;
    const length = measureAverageLength(this.#tokenizer, texts().slice(0, AVERAGE_LENGTH_SAMPLE));
    this.#measured.set(index, length);
    return length;
  }
}

/**
 * The models of a consumer process: the neural one from its folder, and BM25 over the same vocabulary, which costs
 * nothing to have. BM25 is plain JavaScript: no text can end the process through it, so it needs none of its own.
 */
import { LzeroError } from "../../shared/errors.ts";
import { Bm25Encoder, bm25Manifest } from "../encoders/bm25-encoder.ts";
import type { OnnxEncoderOptions } from "../encoders/onnx/onnx-encoder.ts";
import { openEncoder } from "../encoders/open-encoder.ts";
import { bindModel } from "../publish/publish-target.ts";
import { IsolatedEncoder } from "./isolated-encoder.ts";
import type { ModelOf, ServedModel } from "./model-source.ts";

export interface ServedModelsOptions {
  /** Name or folder. */
  readonly model: string;
  readonly onnx: OnnxEncoderOptions;
  /** Script and arguments that end in `serveEncoder` with the same model. */
  readonly isolated: { readonly modulePath: string; readonly args: readonly string[] };
}

export interface ServedModels {
  readonly modelOf: ModelOf;
  /** Fingerprint of the neural model. */
  readonly fingerprint: string;
  close(): Promise<void>;
}

/** @throws LzeroError of `openEncoder` */
export async function openServedModels(options: ServedModelsOptions): Promise<ServedModels> {
  const { encoder, tokenizer, files } = await openEncoder(options.model, options.onnx);
  const isolated = new IsolatedEncoder(options.isolated);
  const { identity, vocabularySize } = files.manifest;
  const bm25 = new Bm25Encoder(
    bm25Manifest(identity, vocabularySize, identity.lexical.averageLength),
    tokenizer,
  );
  const served: Readonly<Record<string, ServedModel>> = {
    [identity.encoder]: {
      bound: bindModel(files.manifest, files.vocabulary, files.idf),
      encoder,
      isolated,
    },
    bm25: { bound: bindModel(bm25.manifest, files.vocabulary, files.idf), encoder: bm25, isolated: bm25 },
  };
  return {
    fingerprint: files.manifest.fingerprint,
    modelOf: (settings) => {
      const model = served[settings.encoder];
      if (model !== undefined) return model;
      throw new LzeroError("encoder_unavailable", `this consumer has no encoder "${settings.encoder}"`, {
        encoder: settings.encoder,
      });
    },
    close: async () => {
      await isolated.close();
      await encoder.close();
    },
  };
}

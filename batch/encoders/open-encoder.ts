/**
 * From a name on the command line to an encoder: `bm25`, a model of this package (`batch/models/<name>`), or a folder.
 * `bm25` takes vocabulary and IDF table from the default model, so that its token ids are the same.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LzeroError } from "../../shared/errors.ts";
import type { Tokenizer } from "../../shared/text/types.ts";
import { Vocabulary } from "../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../shared/text/word-piece.ts";
import { Bm25Encoder, bm25Manifest } from "./bm25-encoder.ts";
import type { DocumentEncoder } from "./encoder.ts";
import { loadModelFiles, type ModelFiles } from "./model-files.ts";
import { OnnxEncoder, type OnnxEncoderOptions } from "./onnx/onnx-encoder.ts";

/** The model that a fresh installation encodes with. */
export const DEFAULT_MODEL = "lzero-tiny";
export const BM25_NAME = "bm25";

export interface OpenedEncoder {
  readonly encoder: DocumentEncoder;
  readonly tokenizer: Tokenizer;
  readonly files: ModelFiles;
}

/**
 * Resolves a model's name or path to its folder.
 * @throws LzeroError `model_not_found` listing where it was looked for
 */
export function resolveModelFolder(nameOrPath: string): string {
  const candidates = [join(packageRoot(), "batch", "models", nameOrPath), nameOrPath];
  const found = candidates.find((folder) => existsSync(join(folder, "manifest.json")));
  if (found !== undefined) return found;
  throw new LzeroError(
    "model_not_found",
    `there is no model "${nameOrPath}": neither ${candidates.join(" nor ")} has a manifest.json`,
    { model: nameOrPath, lookedIn: candidates },
  );
}

/**
 * Opens an encoder by name.
 * @param averageLength for `bm25`: tokens of an average document
 * @throws LzeroError `model_not_found`, those of `loadModelFiles` and `OnnxEncoder.create`
 */
export async function openEncoder(
  name: string,
  options: OnnxEncoderOptions & { readonly averageLength?: (tokenizer: Tokenizer) => number } = {},
): Promise<OpenedEncoder> {
  const { averageLength, ...onnxOptions } = options;
  const files = await loadModelFiles(resolveModelFolder(name === BM25_NAME ? DEFAULT_MODEL : name));
  const tokenizer = new WordPieceTokenizer(Vocabulary.parse(files.vocabulary));
  if (name !== BM25_NAME) return { encoder: await OnnxEncoder.create(files, onnxOptions), tokenizer, files };
  const { identity, vocabularySize } = files.manifest;
  const length = averageLength?.(tokenizer) ?? identity.lexical.averageLength;
  return {
    encoder: new Bm25Encoder(bm25Manifest(identity, vocabularySize, length), tokenizer),
    tokenizer,
    files,
  };
}

/** The folder of this package, from the source or from the bundle. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) return process.cwd();
    folder = parent;
  }
  return folder;
}

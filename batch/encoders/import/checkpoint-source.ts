/**
 * A checkpoint folder as it comes from a hub, judged before any work: config.json, model.safetensors or an ONNX file,
 * vocab.txt and an IDF table. Enters: the folder. Leaves: paths and sizes for the exporter, or an error that names what
 * is wrong. Reads no weights.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { LzeroError } from "../../../shared/errors.ts";
import { Vocabulary } from "../../../shared/text/vocabulary.ts";
import { checkOnnxFile } from "./onnx-file.ts";
import { readTensorInfos, type TensorInfo } from "./safetensors.ts";

export interface CheckpointSource {
  readonly folder: string;
  readonly architecture: Architecture;
  /** The weights; of an ONNX file the exporter keeps the graph, of safetensors it makes one. */
  readonly format: "safetensors" | "onnx";
  readonly weightsPath: string;
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  /** Positions that the checkpoint has embeddings for. */
  readonly maxPositions: number;
  readonly vocabularyPath: string;
  /** A JSON file, or null for weights of one. */
  readonly idfPath: string | null;
}

export type Architecture = "bert" | "distilbert";

/** Given for the IDF table of a model whose queries are not weighted. */
export const IDF_ONES = "ones";

/** Where hubs have ONNX files. */
const ONNX_FILES = ["model.onnx", "onnx/model.onnx"];

/** Activations that the exporter has (batch/training/exporter/checkpoint.py). */
const ACTIVATIONS: readonly string[] = ["gelu", "gelu_new", "gelu_pytorch_tanh", "relu"];

interface Layout {
  /** Names of the sizes in config.json. */
  readonly hidden: string;
  readonly layers: string;
  readonly heads: string;
  readonly activation: string;
  readonly words: string;
  readonly positions: string;
  /** Tensors of the masked-language head; of each list one is enough. */
  readonly head: readonly (readonly string[])[];
}

const LAYOUTS: Readonly<Record<Architecture, Layout>> = {
  bert: {
    hidden: "hidden_size",
    layers: "num_hidden_layers",
    heads: "num_attention_heads",
    activation: "hidden_act",
    words: "bert.embeddings.word_embeddings.weight",
    positions: "bert.embeddings.position_embeddings.weight",
    head: [
      ["cls.predictions.transform.dense.weight"],
      ["cls.predictions.bias", "cls.predictions.decoder.bias"],
    ],
  },
  distilbert: {
    hidden: "dim",
    layers: "n_layers",
    heads: "n_heads",
    activation: "activation",
    words: "distilbert.embeddings.word_embeddings.weight",
    positions: "distilbert.embeddings.position_embeddings.weight",
    head: [["vocab_transform.weight"], ["vocab_projector.bias"]],
  },
};

const size = z.int().positive();

/**
 * Judges a folder.
 * @param idf a JSON file of weights by wordpiece, or `ones`; without it the folder's idf.json
 * @throws LzeroError `model_source_incomplete`, `model_config_invalid`, `model_architecture_unsupported`,
 *   `model_activation_unsupported`, `model_tokenizer_unsupported`, `model_vocabulary_mismatch`, `model_head_missing`,
 *   `model_weights_truncated`, `model_weights_invalid`, `model_idf_missing`; `vocabulary_invalid`
 */
export async function inspectCheckpoint(folder: string, idf?: string): Promise<CheckpointSource> {
  const config = await readJson(requireFile(folder, "config.json"));
  const architecture = z.enum(["bert", "distilbert"]).safeParse(config.model_type).data;
  if (architecture === undefined) {
    throw new LzeroError(
      "model_architecture_unsupported",
      `${folder} is a model of type ${JSON.stringify(config.model_type ?? null)}; bert and distilbert can be imported`,
      { folder, expected: Object.keys(LAYOUTS), actual: String(config.model_type) },
    );
  }
  const layout = LAYOUTS[architecture];
  const sizes = readSizes(config, layout, folder);
  checkPositions(config, folder);
  await checkTokenizer(folder);
  const vocabularyPath = requireFile(folder, "vocab.txt");
  const pieces = Vocabulary.parse(await readFile(vocabularyPath)).size;
  if (pieces !== sizes.vocabularySize) {
    throw new LzeroError(
      "model_vocabulary_mismatch",
      `${vocabularyPath} has ${pieces} wordpieces, config.json says ${sizes.vocabularySize}: they are of different models`,
      { file: vocabularyPath, expected: sizes.vocabularySize, actual: pieces },
    );
  }
  const weights = await checkWeights(folder, config, layout, sizes);
  return { folder, architecture, ...weights, ...sizes, vocabularyPath, idfPath: findIdf(folder, idf) };
}

/** Safetensors where there are both: our graph of them is the faster one. */
async function checkWeights(
  folder: string,
  config: Record<string, unknown>,
  layout: Layout,
  sizes: Sizes,
): Promise<Pick<CheckpointSource, "format" | "weightsPath">> {
  const onnxPath = ONNX_FILES.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (onnxPath !== undefined && !existsSync(join(folder, "model.safetensors"))) {
    // Its activation and its head are inside of it: the exporter runs it and says what it lacks.
    await checkOnnxFile(onnxPath);
    return { format: "onnx", weightsPath: onnxPath };
  }
  checkActivation(config, layout, folder);
  const weightsPath = requireFile(folder, "model.safetensors");
  checkTensors(await readTensorInfos(weightsPath), layout, sizes, folder);
  return { format: "safetensors", weightsPath };
}

type Sizes = Pick<CheckpointSource, "vocabularySize" | "hiddenSize" | "layers" | "maxPositions">;

function readSizes(config: Record<string, unknown>, layout: Layout, folder: string): Sizes {
  const read = (name: string): number => {
    const value = size.safeParse(config[name]);
    if (value.success) return value.data;
    throw new LzeroError(
      "model_config_invalid",
      `${folder}/config.json: ${name} is ${JSON.stringify(config[name] ?? null)}, not a whole number from 1 on`,
      { folder, field: name },
    );
  };
  const hiddenSize = read(layout.hidden);
  const heads = read(layout.heads);
  if (hiddenSize % heads !== 0) {
    throw new LzeroError(
      "model_config_invalid",
      `${folder}/config.json: ${heads} attention heads do not divide a hidden size of ${hiddenSize}`,
      { folder, field: layout.heads },
    );
  }
  return {
    vocabularySize: read("vocab_size"),
    hiddenSize,
    layers: read(layout.layers),
    maxPositions: read("max_position_embeddings"),
  };
}

function checkActivation(config: Record<string, unknown>, { activation }: Layout, folder: string): void {
  const name = config[activation];
  if (typeof name !== "string" || !ACTIVATIONS.includes(name)) {
    throw new LzeroError(
      "model_activation_unsupported",
      `${folder}/config.json: the activation is ${JSON.stringify(name ?? null)}; known are ${ACTIVATIONS.join(", ")}`,
      { folder, field: activation, expected: ACTIVATIONS, actual: String(name) },
    );
  }
}

function checkPositions(config: Record<string, unknown>, folder: string): void {
  const position = config.position_embedding_type ?? "absolute";
  if (position !== "absolute" || config.is_decoder === true) {
    throw new LzeroError(
      "model_architecture_unsupported",
      `${folder}/config.json: only encoders with absolute positions can be imported`,
      { folder, actual: config.is_decoder === true ? "is_decoder" : String(position) },
    );
  }
}

/** Texts are normalized as bert-base-uncased does it; a cased model would get tokens that it was not trained on. */
async function checkTokenizer(folder: string): Promise<void> {
  const path = join(folder, "tokenizer_config.json");
  if (!existsSync(path)) return;
  const { do_lower_case: lowers, strip_accents: strips } = await readJson(path);
  if (lowers !== false && strips !== false) return;
  throw new LzeroError(
    "model_tokenizer_unsupported",
    `${path}: ${lowers === false ? "the model is cased" : "the model keeps accents"}; texts are lowercased and lose their accents here, as with bert-base-uncased`,
    { file: path },
  );
}

function checkTensors(
  tensors: ReadonlyMap<string, TensorInfo>,
  { words, positions, head }: Layout,
  sizes: Sizes,
  folder: string,
): void {
  const missing = head.find((names) => !names.some((name) => tensors.has(name)));
  if (missing !== undefined) {
    throw new LzeroError(
      "model_head_missing",
      `${folder}/model.safetensors has no masked-language head (no ${missing.join(" and no ")}): weights of terms come from it, so export the model with its head (…ForMaskedLM)`,
      { folder, tensor: missing[0]! },
    );
  }
  const { vocabularySize, hiddenSize, maxPositions } = sizes;
  for (const [name, rows] of [
    [words, vocabularySize],
    [positions, maxPositions],
  ] as const) {
    const shape = tensors.get(name)?.shape;
    if (shape?.length === 2 && shape[0] === rows && shape[1] === hiddenSize) continue;
    throw new LzeroError(
      name === words && shape?.[1] === hiddenSize ? "model_vocabulary_mismatch" : "model_weights_invalid",
      `${folder}/model.safetensors: ${name} is ${shape === undefined ? "missing" : shape.join(" × ")}, config.json says ${rows} × ${hiddenSize}`,
      { folder, tensor: name, expected: [rows, hiddenSize], actual: shape ?? null },
    );
  }
}

function findIdf(folder: string, idf: string | undefined): string | null {
  if (idf === IDF_ONES) return null;
  const path = idf ?? join(folder, "idf.json");
  if (existsSync(path)) return path;
  throw new LzeroError(
    "model_idf_missing",
    `${path} is not there: queries are weighted by it. Give the model's table with --idf FILE, or --idf ${IDF_ONES} for a model whose query terms all weigh 1`,
    { file: path },
  );
}

function requireFile(folder: string, name: string): string {
  const path = join(folder, name);
  if (existsSync(path)) return path;
  const others = ["pytorch_model.bin", "model.safetensors.index.json"];
  const hint =
    name === "model.safetensors" && others.some((other) => existsSync(join(folder, other)))
      ? " and no model.onnx: save the model as one safetensors file, model.save_pretrained(dir, max_shard_size='100GB')"
      : "";
  throw new LzeroError("model_source_incomplete", `${folder} has no ${name}${hint}`, { file: path });
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new LzeroError("model_config_invalid", `${path} is not JSON`, { file: path }, cause);
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(value);
  if (parsed.success) return parsed.data;
  throw new LzeroError("model_config_invalid", `${path} is no JSON object`, { file: path });
}

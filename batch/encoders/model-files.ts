/**
 * A model folder read into memory and checked. In: a folder with manifest.json, vocab.txt, idf.f32 and, for an encoder
 * with weights, model.onnx. Out: the manifest and the bytes, whose hashes are those that the manifest names. Runs no
 * model.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LzeroError } from "../../shared/errors.ts";
import { type StemClasses, stemClasses } from "../../shared/model/lexical.ts";
import { type ModelManifest, parseModelManifest } from "../../shared/model/model-manifest.ts";

export interface ModelFiles {
  readonly manifest: ModelManifest;
  /** vocab.txt as it lies there. */
  readonly vocabulary: Uint8Array;
  /** [vocabularySize], by vocabulary id. */
  readonly idf: Float32Array;
  /** model.onnx; null for an encoder without weights. */
  readonly weights: Uint8Array | null;
  /** stems.u16; null for a model without stem classes. */
  readonly stems: StemClasses | null;
}

/**
 * Loads a model folder.
 * @throws LzeroError `model_file_missing`, `model_manifest_invalid`, `model_file_corrupt` (a hash or a size differs)
 */
export async function loadModelFiles(folder: string): Promise<ModelFiles> {
  const manifestPath = join(folder, "manifest.json");
  const manifest = parseModelManifest(
    new TextDecoder().decode(await readModelFile(manifestPath)),
    manifestPath,
  );
  const { identity, vocabularySize } = manifest;
  const { stems } = identity.lexical;
  const [vocabulary, idfBytes, weights, stemBytes] = await Promise.all([
    readChecked(join(folder, "vocab.txt"), identity.vocabulary),
    readChecked(join(folder, "idf.f32"), identity.idf),
    identity.weights === null ? null : readChecked(join(folder, "model.onnx"), identity.weights),
    stems === null ? null : readChecked(join(folder, "stems.u16"), stems.classes),
  ]);
  return {
    manifest,
    vocabulary,
    idf: decodeIdf(idfBytes, vocabularySize, folder),
    weights,
    stems:
      stems === null || stemBytes === null
        ? null
        : decodeStems(stemBytes, vocabularySize, stems.share, folder),
  };
}

/** Little-endian uint16, one a vocabulary entry: the number of its stem class, 0 for none. */
function decodeStems(bytes: Uint8Array, vocabularySize: number, share: number, folder: string): StemClasses {
  if (bytes.length !== vocabularySize * 2) {
    throw new LzeroError("model_file_corrupt", `stems.u16 of ${folder} does not fit the vocabulary`, {
      file: join(folder, "stems.u16"),
      expected: vocabularySize * 2,
      actual: bytes.length,
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return stemClasses(
    Uint16Array.from({ length: vocabularySize }, (_, id) => view.getUint16(id * 2, true)),
    share,
  );
}

function decodeIdf(bytes: Uint8Array, vocabularySize: number, folder: string): Float32Array {
  if (bytes.length !== vocabularySize * 4) {
    throw new LzeroError("model_file_corrupt", `idf.f32 of ${folder} does not fit the vocabulary`, {
      file: join(folder, "idf.f32"),
      expected: vocabularySize * 4,
      actual: bytes.length,
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: vocabularySize }, (_, id) => view.getFloat32(id * 4, true));
}

async function readChecked(path: string, expected: string): Promise<Uint8Array> {
  const bytes = await readModelFile(path);
  const actual = createHash("sha256").update(bytes).digest("hex");
  if (actual !== expected) {
    throw new LzeroError("model_file_corrupt", `${path} is not the file that its manifest names`, {
      file: path,
      expected,
      actual,
    });
  }
  return bytes;
}

async function readModelFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new LzeroError("model_file_missing", `${path} cannot be read`, { file: path }, cause);
  }
}

/** Whom the encode benchmark compares with: what is needed for each, what it is told, and why it is absent. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { resolveModelFolder } from "../../batch/encoders/open-encoder.ts";
import type { ModelIdentity } from "../../shared/model/model-manifest.ts";
import { sharedPath } from "../support/shared-data.ts";

export interface Candidate {
  readonly label: string;
  /** Why it cannot run here. */
  readonly absent: string | null;
  /** A tenth of the others' speed or less: it gets fewer texts. */
  readonly isSlow: boolean;
  readonly command: readonly string[];
  readonly [setting: string]: unknown;
}

/** The model that is made from the checkpoint as it is: what runs beside it has the same weights. */
export const CHECKPOINT_MODEL = "splade-tiny-l0";
const CHECKPOINT = sharedPath("model", "splade-tiny");
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const GRAPHS = join(ROOT, "test/bench/encode_graphs.py");
const PEER = join(ROOT, "test/bench/encode_peer.py");
/** Tokens that sentence-transformers pools at a time in the second of its rows: less memory, perhaps less speed. */
const PEER_CHUNK = 32;

/**
 * @param folder where exported graphs and the checkpoint's folder may lie
 * @param node the command of a contender in Node
 */
export function listPeers(folder: string, identity: ModelIdentity, node: readonly string[]): Candidate[] {
  const noCheckpoint = existsSync(CHECKPOINT) ? null : `no checkpoint in ${CHECKPOINT}`;
  return [
    ...listGraphs(folder, identity, node, noCheckpoint),
    ...listTorchPeers(folder, identity, noCheckpoint),
  ];
}

function listGraphs(
  folder: string,
  identity: ModelIdentity,
  node: readonly string[],
  noCheckpoint: string | null,
): Candidate[] {
  const python = findPython(
    [".venv/bin/python", process.env.LZERO_BENCH_PYTHON, "python3"],
    "import onnx, onnxruntime, safetensors, numpy",
  );
  const absent = noCheckpoint ?? (python === null ? "no Python with the exporter's packages" : null);
  if (absent === null) {
    const { maxLength, log1pCount, topK } = identity;
    const args = [GRAPHS, CHECKPOINT, folder, `${maxLength}`, `${log1pCount}`, `${topK}`];
    const { status, stderr } = spawnSync(python!, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`the export failed: ${stderr}`);
  }
  const plain = { absent, kind: "plain-ort", model: resolveModelFolder(CHECKPOINT_MODEL), command: node };
  return [
    {
      label: "ours, float32",
      absent,
      kind: "ours",
      model: join(folder, "float32"),
      command: node,
      isSlow: false,
    },
    { ...plain, label: "onnxruntime, float32", graph: join(folder, "plain/model.onnx"), isSlow: true },
    {
      ...plain,
      label: "onnxruntime, dynamic int8",
      graph: join(folder, "plain/model_int8.onnx"),
      isSlow: true,
    },
  ];
}

function listTorchPeers(folder: string, identity: ModelIdentity, noCheckpoint: string | null): Candidate[] {
  const pythons = [
    process.env.LZERO_BENCH_PYTHON,
    ".venv-bench/bin/python",
    ".venv-train/bin/python",
    "python3",
  ];
  const full = findPython(pythons, "import torch, sentence_transformers");
  const torch = full ?? findPython(pythons, "import torch, transformers");
  const missing = "no Python with torch and sentence-transformers: set LZERO_BENCH_PYTHON";
  const absent = noCheckpoint ?? (torch === null ? missing : null);
  const checkpoint = absent === null ? layOutCheckpoint(folder) : "";
  const command = [torch ?? "python3", PEER];
  const common = { checkpoint, command, isSlow: true, log1pCount: identity.log1pCount };
  if (full === null && torch !== null) {
    return [
      { ...common, label: "sentence-transformers", absent: missing },
      { ...common, label: "transformers, full logits", absent, kind: "transformers" },
    ];
  }
  return [null, PEER_CHUNK].map((chunk) => ({
    ...common,
    label: `sentence-transformers${chunk === null ? "" : ", pooled in parts"}`,
    absent,
    kind: "sentence-transformers",
    chunk,
  }));
}

function findPython(candidates: readonly (string | undefined)[], imports: string): string | null {
  for (const candidate of candidates) {
    if (candidate === undefined) continue;
    const path = candidate.startsWith(".") ? join(ROOT, candidate) : candidate;
    if (spawnSync(path, ["-c", imports]).status === 0) return path;
  }
  return null;
}

/** The checkpoint with the tokenizer beside it, as transformers wants a folder to be. */
function layOutCheckpoint(folder: string): string {
  const to = join(folder, "checkpoint");
  mkdirSync(to);
  for (const name of ["config.json", "model.safetensors"])
    symlinkSync(join(CHECKPOINT, name), join(to, name));
  for (const name of ["tokenizer.json", "vocab.txt"]) copyFileSync(sharedPath("model", name), join(to, name));
  const settings = { tokenizer_class: "BertTokenizer", do_lower_case: true, model_max_length: 512 };
  writeFileSync(join(to, "tokenizer_config.json"), JSON.stringify(settings));
  return to;
}

/** Runs the committed exporter, batch/training/export_onnx.py, in a Python that has its packages. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { LzeroError } from "../../../shared/errors.ts";

/** Names a Python with the packages of batch/training/requirements.txt. */
export const PYTHON_VARIABLE = "LZERO_PYTHON";
const NEEDED_MODULES = "import numpy, onnx, onnxruntime, safetensors";
/** Of what the exporter says, so much is kept for a message. */
const KEPT_CHARACTERS = 4000;
/** Its last line when it knows what is wrong. */
const NAMED_ERROR = /^((?:model|golden)_[a-z_]+): (.+)$/;

const resultSchema = z.object({
  sizeBytes: z.int(),
  fingerprint: z.string(),
  maxWeight: z.number(),
  goldenError: z.number(),
});

export type ExportResult = z.infer<typeof resultSchema>;

/**
 * Finds a Python that can export: LZERO_PYTHON, else .venv of the package, else python3.
 * @throws LzeroError `exporter_unavailable` with the command that installs what is missing
 */
export function findPython(packageRoot: string): string {
  const named = process.env[PYTHON_VARIABLE];
  const candidates = named ? [named] : [join(packageRoot, ".venv/bin/python"), "python3"];
  const found = candidates.find((python) => spawnSync(python, ["-c", NEEDED_MODULES]).status === 0);
  if (found !== undefined) return found;
  throw new LzeroError(
    "exporter_unavailable",
    `the exporter needs Python with onnx, onnxruntime, safetensors and numpy, and ${candidates.join(" and ")} ${candidates.length > 1 ? "have" : "has"} them not:
  python3 -m venv .venv && .venv/bin/pip install -r batch/training/requirements.txt
in ${packageRoot}; or set ${PYTHON_VARIABLE} to another Python`,
    { tried: candidates },
  );
}

/**
 * Exports; what the exporter says goes to `say` as it comes.
 * @throws LzeroError `exporter_unavailable`; what the exporter names (`CheckpointError` in exporter/checkpoint.py), or
 *   `model_export_failed` with its last words
 */
export async function runExporter(
  packageRoot: string,
  options: readonly string[],
  say: (text: string) => void,
): Promise<ExportResult> {
  const script = join(packageRoot, "batch/training/export_onnx.py");
  if (!existsSync(script)) {
    throw new LzeroError(
      "exporter_unavailable",
      `${script} is not there: import models in a clone of the repository`,
      {
        file: script,
      },
    );
  }
  const child = spawn(findPython(packageRoot), [script, ...options], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let words = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    words = (words + text).slice(-KEPT_CHARACTERS);
    say(text);
  });
  const status = await new Promise<number | string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
  const result = status === 0 ? resultSchema.safeParse(parseJson(output)).data : undefined;
  if (result !== undefined) return result;
  const last = words.trim().split("\n").at(-1) ?? "";
  const known = NAMED_ERROR.exec(last);
  if (known !== null) throw new LzeroError(known[1]!, known[2]!, { status, output: words.trim() });
  throw new LzeroError("model_export_failed", `the export failed: ${last || `exit ${status}`}`, {
    status,
    output: words.trim(),
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Which Python can export models, and how a test says that it was skipped for want of it. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A Python with the exporter's packages; undefined where there is none. */
export const exporterPython = [join(ROOT, ".venv/bin/python"), "python3"].find(
  (python) => spawnSync(python, ["-c", "import onnx, onnxruntime, safetensors, numpy"]).status === 0,
);

/** A `describe` that is skipped with its reasons in its name; `false` is no reason. */
export function describeUnless(name: string, reasons: readonly (string | false)[], body: () => void): void {
  const missing = reasons.filter((reason) => reason !== false);
  if (missing.length === 0) describe(name, body);
  else describe.skip(`${name} [skipped: ${missing.join("; ")}]`, body);
}

export const NO_PYTHON =
  exporterPython === undefined && "no Python with onnx, onnxruntime, safetensors and numpy";

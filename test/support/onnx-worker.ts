/** Builds the encoder's worker for tests that run from source: a worker thread of Node 20 runs no TypeScript. */
import { mkdirSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Path of the committed model. */
export const COMMITTED_MODEL = `${ROOT}batch/models/splade-tiny-l0`;

/** Bundles the worker into a file of this process's own, inside the project so that packages resolve. */
export async function buildOnnxWorker(): Promise<URL> {
  const folder = `${ROOT}.cache/test-workers`;
  mkdirSync(folder, { recursive: true });
  const outfile = `${folder}/onnx-worker-${process.pid}.mjs`;
  await build({
    entryPoints: [`${ROOT}batch/encoders/onnx/onnx-worker.ts`],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "esm",
    packages: "external",
    logLevel: "warning",
  });
  return pathToFileURL(outfile);
}

// `npm run bench -- NAME [options]`: bundles the benchmarks, since Node 20 runs no TypeScript, and runs run.ts. Each
// benchmark is a chunk of its own that is read only when it is named; a file whose name ends in -process.ts is bundled
// as a program of its own, beside run.js, for a benchmark that measures in processes.
import { spawn } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const BENCH = dirname(fileURLToPath(import.meta.url));
const ROOT = join(BENCH, "../..");
/** As deep below the root as the sources, so that paths relative to a module hold; a folder for each run. */
const OUT = join(ROOT, ".cache", `bench-${process.pid}`);

process.on("exit", () => rmSync(OUT, { recursive: true, force: true }));
// A ctrl-c reaches the benchmark as well; what it leaves is removed here when it has ended.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});

const programs = readdirSync(BENCH).filter((name) => name === "run.ts" || name.endsWith("-process.ts"));
await build({
  entryPoints: {
    ...Object.fromEntries(programs.map((name) => [basename(name, ".ts"), join(BENCH, name)])),
    // Where encoder and merger look for their threads: beside the running bundle.
    "onnx-worker": join(ROOT, "batch/encoders/onnx/onnx-worker.ts"),
    "merge-worker": join(ROOT, "batch/publish/merge-worker.ts"),
  },
  outdir: OUT,
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node20.19",
  format: "esm",
  packages: "external",
  sourcemap: true,
  logLevel: "warning",
});
const child = spawn(
  process.execPath,
  ["--enable-source-maps", join(OUT, "run.js"), ...process.argv.slice(2)],
  {
    stdio: "inherit",
  },
);
child.once("close", (code) => process.exit(code ?? 1));

// Builds what runs: the compiled loops of scoring, the command line and its worker threads for Node (which runs no
// TypeScript at version 20), and the Worker by wrangler, exactly as it would be deployed. Prints the Worker's compressed size, since the
// platform bounds it and start-up time follows it; a Worker over the budget fails the build.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { compileKernelIfStale } from "./compile-kernel.mjs";

const ROOT = dirname(fileURLToPath(import.meta.url));
/** A tenth of the platform's 3 MB on the free plan: what is left is start-up time that nobody waits for. */
const WORKER_BUDGET_BYTES = 300 * 1024;

const targets = new Set(process.argv.slice(2));
const wants = (target) => targets.size === 0 || targets.has(target);

await compileKernelIfStale();
if (wants("batch")) await buildBatch();
if (wants("worker")) buildWorker();

async function buildBatch() {
  const entryPoints = {
    "batch/cli": join(ROOT, "batch/cli.ts"),
    "batch/onnx-worker": join(ROOT, "batch/encoders/onnx/onnx-worker.ts"),
    "batch/merge-worker": join(ROOT, "batch/publish/merge-worker.ts"),
  };
  rmSync(join(ROOT, "dist/batch"), { recursive: true, force: true });
  await build({
    entryPoints,
    outdir: join(ROOT, "dist"),
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "esm",
    packages: "external",
    sourcemap: true,
    logLevel: "warning",
  });
  chmodSync(join(ROOT, "dist/batch/cli.js"), 0o755);
}

function buildWorker() {
  const outdir = join(ROOT, "dist/worker");
  rmSync(outdir, { recursive: true, force: true });
  const wrangler = createRequire(import.meta.url).resolve("wrangler/package.json");
  execFileSync(
    process.execPath,
    [join(dirname(wrangler), "bin/wrangler.js"), "deploy", "--dry-run", "--outdir", outdir],
    {
      cwd: ROOT,
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true", CI: "true" },
    },
  );
  if (!existsSync(join(outdir, "index.js"))) throw new Error(`wrangler left no ${outdir}/index.js`);
  const modules = readdirSync(outdir).filter((name) => !name.endsWith(".map") && name !== "README.md");
  const sizeBytes = modules.reduce((sum, name) => sum + gzipSync(readFileSync(join(outdir, name))).length, 0);
  const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
  console.log(
    `Worker: ${kib(sizeBytes)} compressed in ${modules.length} modules (budget ${kib(WORKER_BUDGET_BYTES)})`,
  );
  if (sizeBytes > WORKER_BUDGET_BYTES) throw new Error("the Worker is over its size budget");
}

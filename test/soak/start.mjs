// `npm run soak`: bundles the program, since Node 20 runs no TypeScript, and runs it with the arguments.
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
/** As deep below the root as the sources, so that paths relative to a module hold. */
const OUT = join(HERE, "../../.cache", `soak-${process.pid}`);

process.on("exit", () => rmSync(OUT, { recursive: true, force: true }));
await build({
  entryPoints: { cli: join(HERE, "cli.ts") },
  outdir: OUT,
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "esm",
  packages: "external",
  sourcemap: true,
  logLevel: "warning",
});
const child = spawn(
  process.execPath,
  ["--enable-source-maps", join(OUT, "cli.js"), ...process.argv.slice(2)],
  {
    stdio: "inherit",
  },
);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.once("close", (code) => process.exit(code ?? 1));

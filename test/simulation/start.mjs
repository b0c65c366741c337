// `npm run simulate` and `npm run explore`: bundles the program that is named, since Node 20 runs no TypeScript, and
// runs it with the rest of the arguments.
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const PROGRAMS = { simulate: "cli.ts", explore: "explorer/cli.ts" };
const HERE = dirname(fileURLToPath(import.meta.url));
const [name, ...args] = process.argv.slice(2);
const OUT = join(HERE, "../../.cache", `${name}-${process.pid}`);

process.on("exit", () => rmSync(OUT, { recursive: true, force: true }));
// A ctrl-c reaches the program as well; what it leaves is removed here when it has ended.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});

await build({
  entryPoints: { program: join(HERE, PROGRAMS[name]) },
  outdir: OUT,
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "esm",
  packages: "external",
  sourcemap: true,
  logLevel: "warning",
});
const child = spawn(process.execPath, ["--enable-source-maps", join(OUT, "program.js"), ...args], {
  stdio: "inherit",
});
child.once("close", (code) => process.exit(code ?? 1));

/** Bundles a TypeScript script for a child process: Node 20 runs no TypeScript. */
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** @returns path of the bundle, inside the repository so that it finds its packages */
export async function bundleScript(name: string): Promise<string> {
  const source = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const cache = fileURLToPath(new URL("../../node_modules/.cache-", import.meta.url));
  const outfile = join(await mkdtemp(cache), `${name}.mjs`);
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    logLevel: "error",
  });
  return outfile;
}

/** What an installation without the packages for development has is all that a command may need to start. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Packages that a bundle loads before anything of it runs. */
async function packagesAtStart(entry: string): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    write: false,
    metafile: true,
  });
  return Object.values(metafile.outputs)
    .flatMap(({ imports }) => imports)
    .filter(({ kind, path }) => kind === "import-statement" && !path.startsWith("node:"))
    .map(({ path }) => /^(?:@[^/]+\/)?[^/]+/.exec(path)![0]);
}

describe("the bundles of the batch side", () => {
  it.each(["batch/cli.ts", "batch/encoders/onnx/onnx-worker.ts"])(
    "load nothing at their start that is a package for development: %s",
    async (entry) => {
      const { dependencies } = JSON.parse(await readFile(`${ROOT}package.json`, "utf8")) as {
        dependencies: Record<string, string>;
      };
      const packages = await packagesAtStart(entry);
      expect(packages).not.toHaveLength(0);
      expect([...new Set(packages)].filter((name) => !Object.hasOwn(dependencies, name))).toEqual([]);
    },
  );
});

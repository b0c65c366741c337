// Compiles the loops of scoring (shared/query/kernel/window-loops.as) to WebAssembly: dist/kernel/window-loops.wasm,
// which the Worker takes in as a module and which Node reads as a file. `node compile-kernel.mjs [output]`.
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = dirname(fileURLToPath(import.meta.url));
const SOURCE = join(ROOT, "shared/query/kernel/window-loops.as");
const OUTPUT = join(ROOT, "dist/kernel/window-loops.wasm");
/** 64 KiB each. The layout in the source ends below; memory never grows. */
const MEMORY_PAGES = "14";

export async function compileKernel(output = OUTPUT) {
  const { main } = await import("assemblyscript/asc");
  let binary = null;
  // Under a name of its own kind, which TypeScript and the linter leave alone; the compiler asks for one of theirs.
  const files = { "kernel.ts": readFileSync(SOURCE, "utf8") };
  const { error, stderr } = await main(
    [
      ...[
        "kernel.ts",
        "--outFile",
        "kernel.wasm",
        "-O3",
        "--runtime",
        "stub",
        "--noAssert",
        "--enable",
        "simd",
      ],
      ...["--initialMemory", MEMORY_PAGES, "--maximumMemory", MEMORY_PAGES],
    ],
    {
      readFile: (name) => files[name] ?? null,
      writeFile: (name, contents) => {
        if (name === "kernel.wasm") binary = contents;
      },
    },
  );
  if (error !== null || binary === null)
    throw new Error(`the kernel cannot be compiled: ${stderr}`, { cause: error });
  mkdirSync(dirname(output), { recursive: true });
  // Whole or not at all: two test runs may compile at once.
  const unfinished = `${output}.${process.pid}`;
  writeFileSync(unfinished, binary);
  renameSync(unfinished, output);
}

/** Compiles unless the output is newer than the source and this file. */
export async function compileKernelIfStale() {
  const builtMs = statSync(OUTPUT, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const inputs = [SOURCE, fileURLToPath(import.meta.url)];
  if (inputs.some((path) => statSync(path).mtimeMs > builtMs)) await compileKernel();
}

// As a program: compiles to the path given, or brings the build up to date.
if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await (process.argv[2] === undefined ? compileKernelIfStale() : compileKernel(process.argv[2]));
}

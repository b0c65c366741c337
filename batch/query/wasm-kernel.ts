/** The compiled kernel in Node: the build's file, read and instantiated. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LzeroError } from "../../shared/errors.ts";
import type { WindowKernel } from "../../shared/query/kernel/kernel.ts";
import { createWasmKernel } from "../../shared/query/kernel/wasm-kernel.ts";
import { packageRoot } from "../encoders/open-encoder.ts";

/** Of Node; its type declarations leave it to the DOM's. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (compiled: object) => { readonly exports: unknown };
};

/**
 * Makes a kernel with a memory of its own.
 * @throws LzeroError `kernel_not_built`
 */
export function openWasmKernel(): WindowKernel {
  const path = join(packageRoot(), "dist/kernel/window-loops.wasm");
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new LzeroError(
      "kernel_not_built",
      `${path} is missing: run \`npm run build\` first`,
      { path },
      cause,
    );
  }
  return createWasmKernel(new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports);
}

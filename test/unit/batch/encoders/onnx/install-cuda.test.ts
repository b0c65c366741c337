import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cudaInstallPorts, installCuda } from "../../../../../batch/encoders/onnx/install-cuda.ts";

const BIN = "bin/napi-v6/linux/x64";
let packageFolder: string;
beforeEach(() => {
  packageFolder = mkdtempSync(join(tmpdir(), "lzero-cuda-"));
  mkdirSync(join(packageFolder, "script"));
  mkdirSync(join(packageFolder, BIN), { recursive: true });
});
afterEach(() => rmSync(packageFolder, { recursive: true }));

/** An install step that leaves these libraries, if it is told which it should get, and ends so. */
function writeInstallStep(libraries: readonly string[], exitCode = 0): void {
  const script = `
    const { writeFileSync } = require("node:fs");
    if (process.env.ONNXRUNTIME_NODE_INSTALL !== "cuda12") process.exit(9);
    for (const name of ${JSON.stringify(libraries)}) writeFileSync("${BIN}/" + name, "");
    process.exit(${exitCode});`;
  writeFileSync(join(packageFolder, "script/install.js"), script);
}

const SHARED = "libonnxruntime_providers_shared.so";
const CUDA = "libonnxruntime_providers_cuda.so";

describe("installCuda", () => {
  it("runs the package's install step for cuda12 and returns what it left", () => {
    writeInstallStep([SHARED, CUDA]);
    expect(installCuda({ platform: "linux/x64", packageFolder })).toEqual(
      [SHARED, CUDA].map((name) => join(packageFolder, BIN, name)),
    );
  });

  it.each([
    ["fails", [], 1, /failed.*api\.nuget\.org/],
    ["leaves a library out", [SHARED], 0, /left no .*providers_cuda\.so/],
  ] as const)("names an install step that %s", (_, libraries, exitCode, message) => {
    writeInstallStep(libraries, exitCode);
    expect(() => installCuda({ platform: "linux/x64", packageFolder })).toThrow(
      expect.objectContaining({ code: "cuda_install_failed", message: expect.stringMatching(message) }),
    );
  });

  it("refuses a platform that has no such libraries", () => {
    expect(() => installCuda({ platform: "darwin/arm64", packageFolder })).toThrow(
      expect.objectContaining({
        code: "cuda_platform_unsupported",
        message: expect.stringContaining("--device cpu"),
      }),
    );
  });

  it("finds the installed package", () => {
    expect(cudaInstallPorts().packageFolder).toMatch(/node_modules[/\\]onnxruntime-node$/);
  });
});

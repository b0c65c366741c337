/**
 * Gets onnxruntime's CUDA libraries by the package's own install step, which `.npmrc` skips since they are some hundred
 * MB. In: the package's folder. Out: the libraries in it, or an error that says what is missing. Installs no driver.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { LzeroError } from "../../../shared/errors.ts";

/** The platform that the package has such libraries for (its script/install-metadata.js). */
const PLATFORM = "linux/x64";
const LIBRARIES = ["libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"];

export interface CudaInstallPorts {
  readonly platform: string;
  /** Folder of onnxruntime-node. */
  readonly packageFolder: string;
}

export function cudaInstallPorts(): CudaInstallPorts {
  // The package's exports hide its package.json: its entry lies in dist/.
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node");
  return { platform: `${process.platform}/${process.arch}`, packageFolder: dirname(dirname(entry)) };
}

/**
 * @returns the libraries' paths
 * @throws LzeroError `cuda_platform_unsupported`, `cuda_install_failed`
 */
export function installCuda({ platform, packageFolder }: CudaInstallPorts): readonly string[] {
  if (platform !== PLATFORM) {
    throw new LzeroError(
      "cuda_platform_unsupported",
      `onnxruntime-node has CUDA libraries for ${PLATFORM} only, this is ${platform}: take --device cpu`,
      { expected: PLATFORM, actual: platform },
    );
  }
  const { status, error } = spawnSync(process.execPath, [join(packageFolder, "script/install.js")], {
    cwd: packageFolder,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: "cuda12" },
  });
  const paths = LIBRARIES.map((name) => join(packageFolder, "bin/napi-v6", platform, name));
  const missing = paths.filter((path) => !existsSync(path));
  if (status === 0 && missing.length === 0) return paths;
  throw new LzeroError(
    "cuda_install_failed",
    `onnxruntime's install step ${status === 0 ? `left no ${missing.join(", no ")}` : "failed"}: it gets a package from api.nuget.org, so it needs the network (GLOBAL_AGENT_HTTPS_PROXY names a proxy)`,
    { status, missing },
    error,
  );
}

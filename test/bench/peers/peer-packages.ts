/**
 * Packages that only the comparison needs: they lie in a folder of their own under `.cache`, not in this project's
 * dependencies, and a peer whose package is not there is skipped and named.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { packageRoot } from "../../../batch/encoders/open-encoder.ts";

export const PEER_PACKAGES = ["minisearch@7.2.0", "edgevec@0.9.0", "@zvec/zvec@0.7.0"] as const;
export const PYTHON_PACKAGES = ["numpy", "pyseismic-lsr==0.5.4", "bmp==0.2.8"] as const;

export function peerFolder(): string {
  return join(packageRoot(), ".cache", "peers-npm");
}

export function peerPython(): string {
  return join(packageRoot(), ".venv-bench", "bin", "python");
}

/** How to install what is missing, as commands for a shell. */
export const INSTALL_PEERS = [
  `npm install --prefix .cache/peers-npm --ignore-scripts ${PEER_PACKAGES.join(" ")}`,
  `python3 -m venv .venv-bench && .venv-bench/bin/pip install --only-binary :all: ${PYTHON_PACKAGES.join(" ")}`,
];

export function isPeerInstalled(name: string): boolean {
  return existsSync(packageFolder(name));
}

export function peerVersion(name: string): string {
  const { version } = JSON.parse(readFileSync(join(packageFolder(name), "package.json"), "utf8"));
  return version as string;
}

export function peerFile(name: string, file: string): string {
  return join(packageFolder(name), file);
}

export async function importPeer<Module>(name: string): Promise<Module> {
  const require = createRequire(join(peerFolder(), "package.json"));
  return (await import(pathToFileURL(require.resolve(name)).href)) as Module;
}

function packageFolder(name: string): string {
  return join(peerFolder(), "node_modules", name);
}

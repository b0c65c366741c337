/**
 * The folder that the local stack keeps: data, keys, logs, the lock. In: a path. Out: where each thing lies, and the
 * folder made or deleted. A marker file says that the folder is ours: nothing without it is ever deleted.
 */
import { lstat, mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { LzeroError } from "../../shared/errors.ts";

/** Where the stack keeps everything, relative to the folder that it is started in. */
export const DEFAULT_STATE_FOLDER = ".lzero";
const MARKER_NAME = "lzero-state.json";
const MARKER = { kind: "lzero local stack", formatVersion: 1 };

export interface StateFolder {
  readonly root: string;
  readonly lock: string;
  readonly keys: string;
  /** What Miniflare keeps: KV and the catalog. */
  readonly edge: string;
  readonly log: (name: string) => string;
}

export function describeStateFolder(path: string): StateFolder {
  const root = resolve(path);
  return {
    root,
    lock: join(root, "lock.json"),
    keys: join(root, "keys.json"),
    edge: join(root, "edge"),
    log: (name) => join(root, "logs", `${name}.log`),
  };
}

/**
 * Makes the folder, for its owner alone, or checks that an existing one is ours.
 * @throws LzeroError `state_folder_foreign`, `state_folder_newer`
 */
export async function openStateFolder(path: string): Promise<StateFolder> {
  const folder = describeStateFolder(path);
  await mkdir(folder.root, { recursive: true, mode: 0o700 });
  if ((await readdir(folder.root)).length === 0) {
    await writeFile(join(folder.root, MARKER_NAME), `${JSON.stringify(MARKER)}\n`, { mode: 0o600 });
  }
  await checkMarker(folder);
  await mkdir(join(folder.root, "logs"), { recursive: true, mode: 0o700 });
  await mkdir(folder.edge, { recursive: true, mode: 0o700 });
  return folder;
}

/** Keeps the log of the run before as `NAME.1.log`; anything older goes. */
export async function rotateLog(path: string): Promise<void> {
  await rename(path, path.replace(/\.log$/, ".1.log")).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}

/**
 * Makes sure that a folder is ours to delete.
 * @returns false when there is none
 * @throws LzeroError `state_folder_foreign`, `state_folder_newer`
 */
export async function checkDeletable(folder: StateFolder): Promise<boolean> {
  const found = await lstat(folder.root).catch(() => null);
  if (found === null) return false;
  const foreign = (reason: string): LzeroError =>
    new LzeroError("state_folder_foreign", `${folder.root} is not deleted: ${reason}`, { path: folder.root });
  if (found.isSymbolicLink() || !found.isDirectory()) throw foreign("it is no folder of its own");
  const [root, home, here] = await Promise.all([
    stat("/"),
    process.env.HOME ? stat(process.env.HOME).catch(() => null) : null,
    realpath(process.cwd()),
  ]);
  if (found.ino === root.ino || found.ino === home?.ino || `${here}/`.startsWith(`${folder.root}/`)) {
    throw foreign("it is the working folder, the home folder or one above");
  }
  await checkMarker(folder);
  return true;
}

/** Deletes the folder with everything in it. The caller has checked it, and that nothing uses it. */
export async function deleteStateFolder(folder: StateFolder): Promise<void> {
  await rm(folder.root, { recursive: true, force: true });
}

async function checkMarker(folder: StateFolder): Promise<void> {
  const details = { path: folder.root };
  let marker: Partial<typeof MARKER>;
  try {
    marker = JSON.parse(await readFile(join(folder.root, MARKER_NAME), "utf8")) as Partial<typeof MARKER>;
  } catch (cause) {
    throw new LzeroError(
      "state_folder_foreign",
      `${folder.root} holds files but is no state folder of Lzero (no ${MARKER_NAME}): name another with --state`,
      details,
      cause,
    );
  }
  if (marker.kind !== MARKER.kind) {
    throw new LzeroError("state_folder_foreign", `${folder.root} is no state folder of Lzero`, details);
  }
  if (marker.formatVersion !== MARKER.formatVersion) {
    throw new LzeroError(
      "state_folder_newer",
      `${folder.root} has format ${marker.formatVersion}, this program knows ${MARKER.formatVersion}: delete it with \`npm run reset\` of the program that made it`,
      details,
    );
  }
}

/**
 * The folder of encode caches and its size: one folder a fingerprint, in it files of records. In: a size that must not
 * be passed. Out: the least recently used files are gone, by their time of modification, which a reader renews. It
 * never touches a file that is not a cache's.
 */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

export const FILE_ENDING = ".vectors";
/** Each is a handle and, when there are many, a reader's time: small ones count too. */
const MAX_FILES = 256;

/** Raise it with every change of code, not of a model, that makes another vector of a text: old entries then rest unread. */
const ENCODER_REVISION = 1;

const CACHE_FOLDER = /^[0-9a-f]{32}-r\d+$/;

/** Where vectors of one model lie. */
export function folderOf(root: string, fingerprint: string): string {
  return join(root, `${fingerprint}-r${ENCODER_REVISION}`);
}

interface KnownFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly usedAtMs: number;
}

/**
 * Removes the least recently used files until the others leave `reserveBytes` free. Another process may do the same at
 * the same time; what is gone already is no error.
 * @param keep a file that is written to
 * @returns paths of what was removed
 */
export async function evict(
  root: string,
  maxBytes: number,
  reserveBytes: number,
  keep: string | null,
): Promise<string[]> {
  const files = (await listFiles(root)).sort((a, b) => a.usedAtMs - b.usedAtMs);
  let sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  let count = files.length;
  const removed: string[] = [];
  for (const file of files) {
    if (sizeBytes + reserveBytes <= maxBytes && count < MAX_FILES) break;
    if (file.path === keep) continue;
    await rm(file.path, { force: true });
    sizeBytes -= file.sizeBytes;
    count--;
    removed.push(file.path);
  }
  return removed;
}

async function listFiles(root: string): Promise<KnownFile[]> {
  const files: KnownFile[] = [];
  for (const folder of await readdir(root)) {
    if (!CACHE_FOLDER.test(folder)) continue;
    for (const name of await readdir(join(root, folder))) {
      if (!name.endsWith(FILE_ENDING)) continue;
      const path = join(root, folder, name);
      const found = await stat(path).catch(() => null);
      if (found !== null) files.push({ path, sizeBytes: found.size, usedAtMs: found.mtimeMs });
    }
  }
  return files;
}

/**
 * A page store in a folder, one file a key, each written to a temporary file, synced and renamed: a reader sees the
 * old value or the new one, never a part. One process writes at a time per key; several may read.
 *
 * The path of a key: its parts between slashes, percent-encoded, folders without a dot, the file with `.value` at the
 * end, so that no key's file is another key's folder. Parts longer than a file name may be are split by `+/`.
 */
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LzeroError } from "../../shared/errors.ts";
import type { PageEntry, PageStore } from "../../shared/storage/page-store.ts";
import { checkEntry, checkKey } from "./check-entry.ts";

/** File names hold 255 bytes on the usual file systems; `.value` and the temporary suffix need some of them. */
const MAX_PART_LENGTH = 200;

export class FileStore implements PageStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(key: string): Promise<Uint8Array | null> {
    checkKey(key);
    try {
      const bytes = await readFile(this.#path(key));
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    } catch (cause) {
      if (isAbsent(cause)) return null;
      throw new LzeroError("storage_read_failed", `reading ${key} failed`, { key }, cause);
    }
  }

  async write(entries: readonly PageEntry[]): Promise<void> {
    for (const { key, value } of entries) checkEntry(key, value);
    for (const [position, { key, value }] of entries.entries()) {
      try {
        await this.#replace(this.#path(key), value);
      } catch (cause) {
        const keys = entries.slice(position).map((entry) => entry.key);
        throw new LzeroError("storage_write_failed", `writing ${key} failed`, { keys }, cause);
      }
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) checkKey(key);
    for (const key of keys) {
      try {
        await rm(this.#path(key), { force: true });
      } catch (cause) {
        throw new LzeroError("storage_delete_failed", `deleting ${key} failed`, { keys: [key] }, cause);
      }
    }
  }

  async #replace(path: string, value: Uint8Array): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      const file = await open(temporary, "w");
      try {
        await file.writeFile(value);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  #path(key: string): string {
    const parts = key.split("/").map(encodePart);
    const file = parts.pop()!;
    return join(this.#folder, ...parts, `${file}.value`);
  }
}

function encodePart(part: string): string {
  // An empty part gets a name that no other part can have.
  if (part === "") return "%";
  const encoded = encodeURIComponent(part).replaceAll(".", "%2E").replaceAll("*", "%2A");
  const pieces: string[] = [];
  for (let start = 0; start < encoded.length; start += MAX_PART_LENGTH) {
    pieces.push(encoded.slice(start, start + MAX_PART_LENGTH));
  }
  return pieces.join("+/");
}

function isAbsent(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ENOTDIR";
}

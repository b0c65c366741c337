/**
 * Vectors on disk by the hash of their text. Each process appends to a file of its own and reads those that it found
 * when it opened, so that no two write one file and nothing is locked; what another adds later is encoded twice at
 * worst. A record that is damaged, or gone with its file, is no answer: it is dropped with a line in the log.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { isLzeroError, LzeroError } from "../../../shared/errors.ts";
import type { Logger } from "../../logging.ts";
import type { EncodedDocument } from "../encoder.ts";
import { evict, FILE_ENDING, folderOf } from "./cache-folder.ts";
import {
  checkFileHeader,
  decodeRecord,
  decodeRecordHeader,
  encodeFileHeader,
  encodeRecord,
  FILE_HEADER_BYTES,
  RECORD_HEADER_BYTES,
} from "./vector-record.ts";

export interface VectorCacheOptions {
  /** Shared by all models and processes. */
  readonly folder: string;
  /** Of the model, 32 hex digits. */
  readonly fingerprint: string;
  readonly logger: Logger;
  /** Size that the whole folder has at most. @default 512 MiB, about 300,000 documents */
  readonly maxBytes?: number;
}

/** 16 bytes as a string of their char codes: the shortest key that a Map takes. */
export type CacheKey = string;

interface CacheFile {
  readonly path: string;
  /** null until read. */
  handle: FileHandle | null;
  isGone: boolean;
}

interface Location {
  readonly file: CacheFile;
  readonly offset: number;
  /** Of header and body. */
  readonly length: number;
}

const DEFAULT_MAX_BYTES = 512 * 1024 * 1024;
/** Files are what is evicted: a sixteenth of the folder at a time. */
const FILES_OF_FULL_FOLDER = 16;

export class VectorCache {
  readonly #options: VectorCacheOptions;
  readonly #maxBytes: number;
  readonly #folder: string;
  readonly #index = new Map<CacheKey, Location>();
  readonly #files = new Map<string, CacheFile>();
  #own: { readonly file: CacheFile; size: number } | null = null;
  /** Writes happen one after the other. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(options: VectorCacheOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#folder = folderOf(options.folder, options.fingerprint);
  }

  /**
   * Opens the cache of a model and reads which texts it knows.
   * @throws LzeroError `encode_cache_unavailable` when the folder can be neither read nor made
   */
  static async open(options: VectorCacheOptions): Promise<VectorCache> {
    const cache = new VectorCache(options);
    try {
      await mkdir(cache.#folder, { recursive: true });
      await cache.#evict(0);
      const names = await readdir(cache.#folder);
      for (const name of names.filter((each) => each.endsWith(FILE_ENDING)).sort())
        await cache.#readIndex(join(cache.#folder, name));
    } catch (cause) {
      const { folder } = options;
      throw new LzeroError(
        "encode_cache_unavailable",
        `the encode cache ${folder} cannot be used`,
        { folder },
        cause,
      );
    }
    return cache;
  }

  /** Texts that are known. */
  get size(): number {
    return this.#index.size;
  }

  /** @returns a vector for each key, null where there is none or none that is whole */
  async lookUp(keys: readonly CacheKey[]): Promise<(EncodedDocument | null)[]> {
    const used = new Set<CacheFile>();
    const documents: (EncodedDocument | null)[] = [];
    for (const key of keys) {
      const location = this.#index.get(key);
      const document = location === undefined ? null : await this.#read(key, location);
      if (location !== undefined && document !== null) used.add(location.file);
      documents.push(document);
    }
    const now = new Date();
    for (const { path } of used) await utimes(path, now, now).catch(() => undefined);
    return documents;
  }

  /** Adds vectors; when the disk does not take them that is logged and they are not there later. */
  store(entries: readonly (readonly [CacheKey, EncodedDocument])[]): Promise<void> {
    this.#writing = this.#writing.then(() => this.#append(entries));
    return this.#writing;
  }

  async close(): Promise<void> {
    await this.#writing;
    this.#index.clear();
    for (const { handle } of this.#files.values()) await handle?.close();
    this.#files.clear();
    this.#own = null;
  }

  async #read(key: CacheKey, { file, offset, length }: Location): Promise<EncodedDocument | null> {
    try {
      if (file.isGone) throw new Error("the file was removed");
      file.handle ??= await open(file.path, "r");
      const bytes = new Uint8Array(length);
      const { bytesRead } = await file.handle.read(bytes, 0, length, offset);
      return decodeRecord(bytes.subarray(0, bytesRead), Buffer.from(key, "latin1"), file.path, offset);
    } catch (error) {
      this.#index.delete(key);
      if (isLzeroError(error)) {
        this.#options.logger.warn({ err: error }, "an entry of the encode cache is damaged, it is made anew");
      } else {
        // Removed by another process for the folder's size: that is as it should be.
        this.#options.logger.debug({ err: error, file: file.path }, "a file of the encode cache is gone");
      }
      return null;
    }
  }

  async #append(entries: readonly (readonly [CacheKey, EncodedDocument])[]): Promise<void> {
    const fresh = entries.filter(([key]) => !this.#index.has(key));
    if (fresh.length === 0) return;
    const records = fresh.map(([key, document]) => encodeRecord(Buffer.from(key, "latin1"), document));
    const fileBytes = Math.floor(this.#maxBytes / FILES_OF_FULL_FOLDER);
    let from = 0;
    try {
      while (from < records.length) {
        this.#own ??= await this.#createFile(fileBytes);
        const { file, size } = this.#own;
        let to = from;
        let end = size;
        // One record at least, so that a small folder or a large record comes to an end.
        while (to < records.length && (to === from || end + records[to]!.length <= fileBytes))
          end += records[to++]!.length;
        await writeFully(file.handle!, Buffer.concat(records.slice(from, to)), size);
        let offset = size;
        for (; from < to; from++) {
          const length = records[from]!.length;
          this.#index.set(fresh[from]![0], { file, offset, length });
          offset += length;
        }
        this.#own.size = end;
        if (end >= fileBytes || from < records.length) this.#own = null;
      }
    } catch (cause) {
      // What was written of it is a torn end, which readers drop.
      this.#own = null;
      const error = new LzeroError(
        "encode_cache_write_failed",
        `the encode cache ${this.#folder} cannot be written`,
        { folder: this.#folder },
        cause,
      );
      this.#options.logger.warn({ err: error }, "vectors were not kept");
    }
  }

  async #createFile(fileBytes: number): Promise<{ file: CacheFile; size: number }> {
    await this.#evict(fileBytes);
    const name = `${Date.now()}-${process.pid}-${randomBytes(4).toString("hex")}${FILE_ENDING}`;
    const path = join(this.#folder, name);
    const file: CacheFile = { path, handle: await open(path, "wx+"), isGone: false };
    this.#files.set(path, file);
    await writeFully(file.handle!, encodeFileHeader(this.#options.fingerprint), 0);
    return { file, size: FILE_HEADER_BYTES };
  }

  async #evict(reserveBytes: number): Promise<void> {
    const keep = this.#own?.file.path ?? null;
    const removed = await evict(this.#options.folder, this.#maxBytes, reserveBytes, keep);
    if (removed.length === 0) return;
    this.#options.logger.info(
      { files: removed.length },
      "the encode cache was full, its oldest files are gone",
    );
    for (const path of removed) {
      const file = this.#files.get(path);
      if (file === undefined) continue;
      file.isGone = true;
      this.#files.delete(path);
      await file.handle?.close();
    }
  }

  /** Reads where records lie; of a file that is damaged, up to there. */
  async #readIndex(path: string): Promise<void> {
    const bytes = await readFile(path).catch(() => null);
    // Another process may have removed it, or just begun it.
    if (bytes === null || bytes.length === 0) return;
    const { fingerprint, logger } = this.#options;
    const file: CacheFile = { path, handle: null, isGone: false };
    this.#files.set(path, file);
    let offset = FILE_HEADER_BYTES;
    try {
      checkFileHeader(bytes, fingerprint, path);
    } catch (error) {
      logger.warn({ err: error }, "a file of the encode cache is none, it is removed");
      await rm(path, { force: true });
      return;
    }
    try {
      while (offset < bytes.length) {
        const header = decodeRecordHeader(bytes.subarray(offset), path, offset);
        const length = RECORD_HEADER_BYTES + header.bodyBytes;
        if (offset + length > bytes.length) decodeRecord(bytes.subarray(offset), header.key, path, offset);
        this.#index.set(Buffer.from(header.key).toString("latin1"), { file, offset, length });
        offset += length;
      }
    } catch (error) {
      logger.warn({ err: error }, "the end of a file of the encode cache is damaged, it is not used");
    }
  }
}

async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

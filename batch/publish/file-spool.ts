/**
 * Spools in the files of a folder, for a merge that memory does not hold. Synchronous: whoever must not wait merges in a
 * thread. A disk that is full is an error of its own, since it has a remedy.
 */
import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { LzeroError } from "../../shared/errors.ts";
import type { OpenSpool, Spool } from "../../shared/format/spool.ts";

/** Appended bytes are written so many at once. */
const BUFFER_BYTES = 64 * 1024;
/** No space, quota used up, file larger than may be. */
const FULL_CODES = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** What of the file system is used; tests have disks that fail. */
export interface Disk {
  open(path: string, flags: string): number;
  /** @returns how many of the bytes were written */
  write(file: number, bytes: Uint8Array): number;
}

export const REAL_DISK: Disk = {
  open: (path, flags) => openSync(path, flags, 0o600),
  write: (file, bytes) => writeSync(file, bytes),
};

/** The files of one job in a folder; it neither makes nor removes the folder. */
export class SpoolFiles {
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #spools = new Set<FileSpool>();

  constructor(folder: string, disk: Disk = REAL_DISK) {
    this.#folder = folder;
    this.#disk = disk;
  }

  /** A new file. @throws LzeroError `scratch_full`, `scratch_failed`, as all methods of spools */
  readonly open: OpenSpool = (name) => this.openFile(name);

  openFile(name: string): FileSpool {
    const spool = new FileSpool(join(this.#folder, name), this.#disk);
    this.#spools.add(spool);
    return spool;
  }

  /** Closes all files, which stay. */
  close(): void {
    for (const spool of this.#spools) spool.close();
    this.#spools.clear();
  }
}

export class FileSpool implements Spool {
  readonly path: string;
  readonly #disk: Disk;
  readonly #file: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #buffered = 0;
  #written = 0;
  #isOpen = true;

  constructor(path: string, disk: Disk = REAL_DISK) {
    this.path = path;
    this.#disk = disk;
    this.#file = attempt(path, "making", () => disk.open(path, "wx+"));
  }

  get length(): number {
    return this.#written + this.#buffered;
  }

  append(bytes: Uint8Array): void {
    if (this.#buffered + bytes.length > BUFFER_BYTES) this.flush();
    if (bytes.length > BUFFER_BYTES) {
      this.#write(bytes);
      return;
    }
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered += bytes.length;
  }

  read(start: number, end: number): Uint8Array {
    if (end > this.#written) this.flush();
    return readRange(this.#file, this.path, start, end);
  }

  discard(): void {
    this.#buffered = 0;
    this.close();
    rmSync(this.path, { force: true });
  }

  /** Writes what is buffered. */
  flush(): void {
    const bytes = this.#buffer.subarray(0, this.#buffered);
    this.#buffered = 0;
    this.#write(bytes);
  }

  /** The file stays; what was not flushed is lost. */
  close(): void {
    if (this.#isOpen) closeSync(this.#file);
    this.#isOpen = false;
  }

  #write(bytes: Uint8Array): void {
    attempt(this.path, "writing", () => {
      let done = 0;
      while (done < bytes.length) done += this.#disk.write(this.#file, bytes.subarray(done));
    });
    this.#written += bytes.length;
  }
}

/** Opens a file of the folder for reading. @throws LzeroError `scratch_failed` */
export function openStored(path: string): number {
  return attempt(path, "opening", () => openSync(path, "r"));
}

/** Reads `[start, end)` of an open file. @throws LzeroError `scratch_failed` */
export function readRange(file: number, path: string, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - start);
  attempt(path, "reading", () => {
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(file, bytes, done, bytes.length - done, start + done);
      if (count === 0) throw new Error(`it ends before ${end}`);
      done += count;
    }
  });
  return bytes;
}

function attempt<Result>(path: string, verb: string, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    const folder = dirname(path);
    const isFull = FULL_CODES.has((cause as NodeJS.ErrnoException).code ?? "");
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LzeroError(
      isFull ? "scratch_full" : "scratch_failed",
      isFull
        ? `the disk of the scratch folder ${folder} is full: a merge needs about three times its segments there; TMPDIR says where`
        : `${verb} ${path} in the scratch folder failed: ${reason}`,
      { folder, path },
      cause,
    );
  }
}

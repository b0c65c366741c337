/**
 * Pages and documents of a merge in files: written one after another, described in a few numbers that another thread can
 * be given, and read back by number. A list in memory and one in a file look the same to who reads them.
 */
import { closeSync } from "node:fs";
import type { MergedDocument } from "../../shared/format/merge-segments.ts";
import { type FileSpool, openStored, readRange } from "./file-spool.ts";

/** Values by number; an array is one. */
export interface Slices<Value> {
  readonly length: number;
  slice(start: number, end: number): readonly Value[];
}

/** Pages in a file. */
export interface StoredPages {
  readonly path: string;
  /** By page number: where it begins, and its bytes. */
  readonly starts: Float64Array;
  readonly sizes: Uint32Array;
}

/** Documents in a file, in ordinal order. */
export interface StoredDocuments {
  readonly path: string;
  readonly count: number;
}

export function isStored<Stored extends { readonly path: string }>(
  value: readonly unknown[] | Stored,
): value is Stored {
  return "path" in value;
}

/** Takes pages in any order. */
export class PageFileWriter {
  readonly #spool: FileSpool;
  readonly #starts: number[] = [];
  readonly #sizes: number[] = [];

  constructor(spool: FileSpool) {
    this.#spool = spool;
  }

  add(page: number, value: Uint8Array): void {
    this.#starts[page] = this.#spool.length;
    this.#sizes[page] = value.length;
    this.#spool.append(value);
  }

  /** Ends the file. */
  end(): StoredPages {
    this.#spool.flush();
    const { path } = this.#spool;
    return { path, starts: Float64Array.from(this.#starts), sizes: Uint32Array.from(this.#sizes) };
  }
}

/** 16 bytes of key, f64 version. */
const DOCUMENT_BYTES = 24;

export class DocumentFileWriter {
  readonly #spool: FileSpool;
  readonly #entry = Buffer.alloc(DOCUMENT_BYTES);

  constructor(spool: FileSpool) {
    this.#spool = spool;
  }

  add({ key, version }: MergedDocument): void {
    this.#entry.write(key, 0, "hex");
    this.#entry.writeDoubleLE(version, 16);
    this.#spool.append(this.#entry);
  }

  end(): StoredDocuments {
    this.#spool.flush();
    return { path: this.#spool.path, count: this.#spool.length / DOCUMENT_BYTES };
  }
}

/** Pages, read when they are asked for. */
export class StoredPageReader implements Slices<Uint8Array> {
  readonly #stored: StoredPages;
  readonly #file: number;

  constructor(stored: StoredPages) {
    this.#stored = stored;
    this.#file = openStored(stored.path);
  }

  get length(): number {
    return this.#stored.sizes.length;
  }

  at(page: number): Uint8Array | undefined {
    const { path, starts, sizes } = this.#stored;
    const start = starts[page];
    return start === undefined ? undefined : readRange(this.#file, path, start, start + sizes[page]!);
  }

  slice(start: number, end: number): Uint8Array[] {
    return Array.from({ length: Math.min(end, this.length) - start }, (_, index) => this.at(start + index)!);
  }

  close(): void {
    closeSync(this.#file);
  }
}

export class StoredDocumentReader implements Slices<MergedDocument> {
  readonly #stored: StoredDocuments;
  readonly #file: number;

  constructor(stored: StoredDocuments) {
    this.#stored = stored;
    this.#file = openStored(stored.path);
  }

  get length(): number {
    return this.#stored.count;
  }

  slice(start: number, end: number): MergedDocument[] {
    const last = Math.min(end, this.length);
    const { buffer } = readRange(
      this.#file,
      this.#stored.path,
      start * DOCUMENT_BYTES,
      last * DOCUMENT_BYTES,
    );
    const bytes = Buffer.from(buffer);
    return Array.from({ length: last - start }, (_, index) => ({
      key: bytes.toString("hex", index * DOCUMENT_BYTES, index * DOCUMENT_BYTES + 16),
      version: bytes.readDoubleLE(index * DOCUMENT_BYTES + 16),
    }));
  }

  close(): void {
    closeSync(this.#file);
  }
}

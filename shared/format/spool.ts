/**
 * Bytes that are appended once and read back: what a merge keeps between its steps. The one here lies in memory; one in
 * a file is for whoever has files.
 */
import { ByteWriter } from "./bytes.ts";

/** Ranges of bytes by offset. */
export interface ByteSource {
  readonly length: number;
  /** Bytes `[start, end)`, which lie within: a view or a copy, which nobody writes to any more. */
  read(start: number, end: number): Uint8Array;
}

export interface Spool extends ByteSource {
  append(bytes: Uint8Array): void;
  /** Gives up the bytes, early; nothing is read afterwards. */
  discard(): void;
}

/** Makes an empty spool; the name is for people who look at the folder that it may lie in. */
export type OpenSpool = (name: string) => Spool;

class MemorySpool implements Spool {
  #writer = new ByteWriter();

  get length(): number {
    return this.#writer.length;
  }

  append(bytes: Uint8Array): void {
    this.#writer.bytes(bytes);
  }

  read(start: number, end: number): Uint8Array {
    return this.#writer.view().subarray(start, end);
  }

  discard(): void {
    this.#writer = new ByteWriter();
  }
}

export function openMemorySpool(): Spool {
  return new MemorySpool();
}

/** Bytes in memory as a source. */
export function sourceOf(bytes: Uint8Array): ByteSource {
  return { length: bytes.length, read: (start, end) => bytes.subarray(start, end) };
}

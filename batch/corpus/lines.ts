/**
 * A file as numbered lines of bytes, `.gz` unpacked on the way. In: a path or "-" for standard input. Out: lines
 * without their ends. Decodes no text: a line that is not UTF-8 is its reader's matter.
 */
import { createReadStream } from "node:fs";
import { PassThrough, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { LzeroError } from "../../shared/errors.ts";

/** A line over this is refused rather than gathered in memory; the largest document has 200 KiB. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

export interface NumberedLine {
  /** From 1. */
  readonly line: number;
  readonly bytes: Uint8Array;
}

/**
 * Reads a file's bytes in chunks.
 * @throws LzeroError `corpus_unreadable` when it cannot be opened, or when its gzip stream is damaged or cut off
 */
export async function* readChunks(path: string): AsyncGenerator<Buffer> {
  const source: Readable = path === "-" ? process.stdin : createReadStream(path);
  const output = new PassThrough();
  const piped = path.endsWith(".gz") ? pipeline(source, createGunzip(), output) : pipeline(source, output);
  // The pipeline destroys `output` with its error, so the loop below sees it; this only marks it as handled.
  piped.catch(() => undefined);
  try {
    for await (const chunk of output) yield chunk as Buffer;
    await piped;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LzeroError("corpus_unreadable", `${path} cannot be read: ${reason}`, { path }, cause);
  } finally {
    source.destroy();
  }
}

/**
 * Splits a file into lines, blank ones included.
 * @throws LzeroError `corpus_unreadable`, `corpus_line_too_long`
 */
export async function* readLines(path: string): AsyncGenerator<NumberedLine> {
  let line = 1;
  let parts: Buffer[] = [];
  let sizeBytes = 0;
  const take = (): NumberedLine => {
    let bytes: Uint8Array = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    if (bytes.at(-1) === CARRIAGE_RETURN) bytes = bytes.subarray(0, -1);
    if (line === 1 && BYTE_ORDER_MARK.every((byte, at) => bytes[at] === byte)) bytes = bytes.subarray(3);
    parts = [];
    sizeBytes = 0;
    return { line: line++, bytes };
  };
  for await (const chunk of readChunks(path)) {
    let from = 0;
    for (let feed = chunk.indexOf(LINE_FEED); feed >= 0; feed = chunk.indexOf(LINE_FEED, from)) {
      parts.push(chunk.subarray(from, feed));
      yield take();
      from = feed + 1;
    }
    if (from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    sizeBytes += chunk.length - from;
    if (sizeBytes > MAX_LINE_BYTES) {
      throw new LzeroError("corpus_line_too_long", `${path}:${line} is longer than ${MAX_LINE_BYTES} bytes`, {
        path,
        line,
      });
    }
  }
  if (parts.length > 0) yield take();
}

/** @returns null when the bytes are not UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

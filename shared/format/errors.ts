/** How the decoders of this folder say that stored bytes are not what they must be. */
import { LzeroError } from "../errors.ts";

/** Where in KV some bytes lie, for error details. */
export interface ByteOrigin {
  readonly key: string;
  /** Offset of the first byte of the view inside the KV value. */
  readonly baseOffset: number;
}

/**
 * Makes (never throws) the error of bytes that pass for a page but contradict the format.
 * @param offset in the KV value, header included
 */
export function pageCorrupt(
  key: string,
  offset: number,
  what: string,
  expected: string | number,
  actual: string | number,
  cause?: unknown,
): LzeroError {
  return new LzeroError(
    "page_corrupt",
    `${key} is corrupt at byte ${offset}: ${what} is ${actual}, expected ${expected}`,
    { key, offset, expected, actual },
    cause,
  );
}

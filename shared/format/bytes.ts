/**
 * Little-endian bytes in and out. The writer grows; the reader checks every bound before it reads and names the key
 * and the offset when a bound is crossed. Varints are LEB128: seven bits a byte, lowest first, in the shortest form.
 */
import { LzeroError } from "../errors.ts";
import { type ByteOrigin, pageCorrupt } from "./errors.ts";

/** Largest buffer that a writer makes; a segment whose parts are larger must be split. */
const MAX_WRITER_BYTES = 0x7fff_ffff;

const utf8Encoder = new TextEncoder();
/** `ignoreBOM` keeps a leading U+FEFF, which is part of the text. */
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A growing byte buffer. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(initialCapacity = 1024) {
    this.#bytes = new Uint8Array(Math.max(16, initialCapacity));
  }

  get length(): number {
    return this.#length;
  }

  /** Makes room for `extra` more bytes. @throws LzeroError `segment_too_large` past 2 GiB */
  reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed <= this.#bytes.length) return;
    if (needed > MAX_WRITER_BYTES) {
      throw new LzeroError(
        "segment_too_large",
        `${needed} bytes do not fit one buffer: make smaller segments`,
        {
          actual: needed,
          expected: MAX_WRITER_BYTES,
        },
      );
    }
    const grown = new Uint8Array(Math.min(MAX_WRITER_BYTES, Math.max(needed, this.#bytes.length * 2)));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  u8(value: number): void {
    this.reserve(1);
    this.#bytes[this.#length++] = value;
  }

  u16(value: number): void {
    this.u8(value & 0xff);
    this.u8(value >>> 8);
  }

  u32(value: number): void {
    this.reserve(4);
    this.#bytes[this.#length++] = value & 0xff;
    this.#bytes[this.#length++] = (value >>> 8) & 0xff;
    this.#bytes[this.#length++] = (value >>> 16) & 0xff;
    this.#bytes[this.#length++] = value >>> 24;
  }

  f64(value: number): void {
    this.bytes(littleEndianFloat64(value));
  }

  /** @param value an integer, 0 ≤ value ≤ 2^53 - 1 */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 0x1000_0000) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  bytes(value: Uint8Array): void {
    this.reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** That many bytes of 0, to be written through `view()`. */
  zeros(length: number): void {
    this.reserve(length);
    // A buffer is zero from where it was not written yet.
    this.#length += length;
  }

  /** A varint of the length in UTF-8, then the UTF-8. Lone surrogates become U+FFFD. */
  string(value: string): void {
    const encoded = utf8Encoder.encode(value);
    this.varint(encoded.length);
    this.bytes(encoded);
  }

  /** What was written, as a view: valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** A bounds-checked position in bytes that are not trusted. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #origin: ByteOrigin;
  readonly #end: number;
  #offset: number;

  /** Reads `bytes[start, end)`; both are offsets in `bytes`, which the caller has checked. */
  constructor(bytes: Uint8Array, origin: ByteOrigin, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#origin = origin;
    this.#offset = start;
    this.#end = end;
  }

  /** Offset in the view, not in the value. */
  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** The error of a value that was just read. */
  corrupt(what: string, expected: string | number, actual: string | number, cause?: unknown): LzeroError {
    return pageCorrupt(
      this.#origin.key,
      this.#origin.baseOffset + this.#offset,
      what,
      expected,
      actual,
      cause,
    );
  }

  /** @throws LzeroError `page_corrupt` unless `length` bytes are left */
  need(length: number, what: string): void {
    if (length > this.#end - this.#offset) {
      throw this.corrupt(`the room for ${what}`, `${length} bytes`, `${this.#end - this.#offset} bytes`);
    }
  }

  u8(what: string): number {
    this.need(1, what);
    return this.#bytes[this.#offset++]!;
  }

  u32(what: string): number {
    this.need(4, what);
    const value = readU32(this.#bytes, this.#offset);
    this.#offset += 4;
    return value;
  }

  f64(what: string): number {
    return new Float64Array(littleEndianCopy(this.bytes(8, what), 8))[0]!;
  }

  /** @throws LzeroError `page_corrupt` when cut, above `max` or not in the shortest form */
  varint(max: number, what: string): number {
    let value = 0;
    let scale = 1;
    for (let count = 1; count <= 8; count++) {
      const byte = this.u8(what);
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte < 0x80) {
        if (byte === 0 && count > 1) throw this.corrupt(what, "a varint in shortest form", "a padded one");
        if (value > max) throw this.corrupt(what, `at most ${max}`, value);
        return value;
      }
    }
    throw this.corrupt(what, "a varint of at most 8 bytes", "a longer one");
  }

  /** A view of the next bytes. */
  bytes(length: number, what: string): Uint8Array {
    this.need(length, what);
    const view = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return view;
  }

  /** Passes over bytes that are read otherwise. */
  skip(length: number, what: string): void {
    this.need(length, what);
    this.#offset += length;
  }

  /** A varint length and that much UTF-8. */
  string(what: string): string {
    return this.utf8(this.varint(this.remaining, `the length of ${what}`), what);
  }

  /** That many bytes as text. */
  utf8(length: number, what: string): string {
    const encoded = this.bytes(length, what);
    try {
      return utf8Decoder.decode(encoded);
    } catch (cause) {
      throw this.corrupt(what, "UTF-8", "other bytes", cause);
    }
  }

  /** @throws LzeroError `page_corrupt` when bytes are left over */
  end(what: string): void {
    if (this.#offset !== this.#end) {
      throw this.corrupt(`what follows ${what}`, "0 bytes", `${this.#end - this.#offset} bytes`);
    }
  }
}

/** Four bytes as an unsigned integer; the caller has checked that they are there. */
export function readU32(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>>
    0
  );
}

/** Overwrites four bytes. */
export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value & 0xff;
  bytes[offset + 1] = (value >>> 8) & 0xff;
  bytes[offset + 2] = (value >>> 16) & 0xff;
  bytes[offset + 3] = value >>> 24;
}

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Copies numbers of `width` bytes into an aligned buffer in the order of this machine, from or to little-endian. */
export function littleEndianCopy(bytes: Uint8Array, width: 4 | 8): ArrayBuffer {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  if (!HOST_IS_LITTLE_ENDIAN) {
    for (let at = 0; at < copy.length; at += width) copy.subarray(at, at + width).reverse();
  }
  return copy.buffer;
}

function littleEndianFloat64(value: number): Uint8Array {
  return new Uint8Array(littleEndianCopy(new Uint8Array(new Float64Array([value]).buffer), 8));
}

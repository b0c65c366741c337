/** Sets of ordinals as varint gaps: strictly ascending ordinals in and out. */
import type { ByteReader, ByteWriter } from "./bytes.ts";

/** Appends ordinals as gaps, the first absolute; their number is stored elsewhere. */
export function encodeTombstones(writer: ByteWriter, ordinals: Uint32Array): void {
  let previous = 0;
  for (const ordinal of ordinals) {
    writer.varint(ordinal - previous);
    previous = ordinal;
  }
}

/**
 * Reads `count` ordinals.
 * @param documents ordinals lie below
 * @throws LzeroError `page_corrupt`
 */
export function decodeTombstones(reader: ByteReader, count: number, documents: number): Uint32Array {
  reader.need(count, "the tombstones");
  const ordinals = new Uint32Array(count);
  let ordinal = 0;
  for (let index = 0; index < count; index++) {
    const gap = reader.varint(documents, "a gap of tombstones");
    if (gap === 0 && index > 0) throw reader.corrupt("a gap of tombstones", "at least 1", 0);
    ordinal += gap;
    if (ordinal >= documents) throw reader.corrupt("a tombstone", `less than ${documents}`, ordinal);
    ordinals[index] = ordinal;
  }
  return ordinals;
}

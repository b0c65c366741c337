/**
 * How a merge stays in its memory. In: the bytes that it may take and the segments. Out: whether it is done in memory, and
 * else how many documents are ordered at once and how large the buckets are in which they are laid out.
 */
import { LzeroError } from "../../shared/errors.ts";
import { BLOCK_DOCUMENT_BYTES } from "../../shared/format/merge-order.ts";

const MIB = 1024 * 1024;
/** A million documents are clustered as one block in it. */
export const DEFAULT_MERGE_MEMORY = "512m";
/** Below this, what a merge takes whatever it merges would be most of it. */
export const MIN_MERGE_MEMORY_BYTES = 64 * MIB;
const MAX_MERGE_MEMORY_BYTES = 1024 * 1024 * MIB;

/** Segments, what is made of them and the pages of that. */
const COPIES_IN_MEMORY = 3;
/** New ordinal and place in the order; a list of all documents decoded, merged and put in order, and encoded. */
const DOCUMENT_BYTES = 24;
/** Of an input: its term directory, decoded, 40 bytes each of 30,000 terms (a vocabulary has as many), and two pages. */
const INPUT_BYTES = 40 * 30_000 + 2 * 256 * 1024;
/** Pages, buffers of files, the garbage collector's share. */
const FIXED_BYTES = 32 * MIB;
/** Fewer documents are not worth a pass over the lists of their segment; nor is it worth more than so many passes. */
const MIN_BLOCK_DOCUMENTS = 1024;
const MAX_BLOCKS = 64;
const MIN_BUCKET_BYTES = MIB;
/** A bucket may be twice as large as it was meant to be, and the one before it not be gone yet. */
const BUCKET_SHARE = 1 / 8;

export interface MergeSize {
  readonly documents: number;
  /** Of all pages. */
  readonly sizeBytes: number;
}

export interface MergePlan {
  /** All of it, without a scratch folder. */
  readonly isInMemory: boolean;
  readonly blockDocuments: number;
  readonly bucketBytes: number;
}

/**
 * Shares out the memory of a merge. What is needed at least (24 bytes a document, the term directories of the inputs, a
 * block of a 64th of the documents) is taken even where it is more than there is: an index with too many segments must be
 * merged.
 */
export function planMerge(
  memoryBytes: number,
  inputs: readonly MergeSize[],
  isClustered: boolean,
): MergePlan {
  const documents = inputs.reduce((sum, input) => sum + input.documents, 0);
  const sizeBytes = inputs.reduce((sum, input) => sum + input.sizeBytes, 0);
  const inMemoryBytes =
    COPIES_IN_MEMORY * sizeBytes + documents * (DOCUMENT_BYTES + (isClustered ? BLOCK_DOCUMENT_BYTES : 0));
  if (inMemoryBytes <= memoryBytes) {
    const all = Number.POSITIVE_INFINITY;
    return { isInMemory: true, blockDocuments: all, bucketBytes: all };
  }
  const needed = FIXED_BYTES + inputs.length * INPUT_BYTES + documents * DOCUMENT_BYTES;
  const left = Math.max(0, memoryBytes - needed);
  return {
    isInMemory: false,
    blockDocuments: Math.max(
      MIN_BLOCK_DOCUMENTS,
      Math.ceil(documents / MAX_BLOCKS),
      Math.floor(left / BLOCK_DOCUMENT_BYTES),
    ),
    bucketBytes: Math.max(MIN_BUCKET_BYTES, Math.floor(left * BUCKET_SHARE)),
  };
}

const UNITS: Readonly<Record<string, number>> = { k: 1024, m: MIB, g: 1024 * MIB };

/**
 * Reads an amount of memory: a number and k, m or g, e.g. 512m.
 * @returns bytes
 * @throws LzeroError `memory_invalid`
 */
export function parseMemory(text: string): number {
  const [, amount = "", unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)([kmg])(?:i?b)?$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(amount) * (UNITS[unit.toLowerCase()] ?? Number.NaN));
  if (amount !== "" && bytes >= MIN_MERGE_MEMORY_BYTES && bytes <= MAX_MERGE_MEMORY_BYTES) return bytes;
  throw new LzeroError(
    "memory_invalid",
    `"${text}" is no amount of memory: a number and k, m or g, from ${MIN_MERGE_MEMORY_BYTES / MIB}m to ${MAX_MERGE_MEMORY_BYTES / MIB / 1024}g, e.g. ${DEFAULT_MERGE_MEMORY}`,
    { actual: text, expected: `${MIN_MERGE_MEMORY_BYTES} to ${MAX_MERGE_MEMORY_BYTES} bytes` },
  );
}

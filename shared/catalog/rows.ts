/**
 * The values that the catalog stores under its keys. Few, small rows are JSON; rows that exist once a document are
 * packed binary, integers big-endian. Nothing here decides anything.
 */
import type { IdfSnapshot, IndexSettings, LocatedDocument, ModelBinding, RemoveOutcome } from "./commands.ts";
import type { GenerationReason } from "./history-commands.ts";
import { readHex, readUint64, viewOf, writeHex, writeUint64 } from "./keys.ts";
import type { ShardPlace } from "./shard-place.ts";

/** The one row of an index that every command reads. */
export interface IndexState {
  readonly index: string;
  settings: IndexSettings;
  /** Absent: the index is whole. */
  readonly shard?: ShardPlace;
  readonly createdAtMs: number;
  model: ModelBinding | null;
  snapshot: IdfSnapshot | null;
  generation: number;
  /** Pinned generations, ascending; absent in rows from before there were pins. */
  pins?: readonly number[];
  /** Version that the next write gets with `sequence` versions. */
  nextVersion: number;
  nextSegment: number;
  /** Pending positions over all ingests. */
  pending: number;
  outbox: OutboxState;
}

export interface OutboxState {
  /** Newest generation whose put was acknowledged; -1 before the first. */
  publishedGeneration: number;
  /** When the newest put began; null before the first. */
  lastPutAtMs: number | null;
  /** Puts begun since the last acknowledgement. */
  attempts: number;
  /** When to put once more, because an earlier put had an unknown outcome; else null. */
  confirmAtMs: number | null;
  /** How often to do so, this time included; absent in rows from before it was more than once. */
  confirmations?: number;
}

/** A generation: its live segments in the manifest's order. */
export interface GenerationRow {
  readonly createdAtMs: number;
  readonly segments: readonly LiveEntry[];
  /** Absent in rows from before it was recorded. */
  readonly why?: GenerationReason;
  /** Of a rollback alone. */
  readonly restored?: RestoredGeneration;
}

/** What a rollback restored, to answer it again. */
export interface RestoredGeneration {
  readonly generation: number;
  /** Documents that stay deleted. */
  readonly withheld: number;
}

export interface LiveEntry {
  readonly segment: number;
  readonly documents: number;
  readonly tombstones: number;
}

export interface SegmentRow {
  readonly segmentId: string;
  readonly segment: number;
  /** `staged` until committed or given up; `dead`: aborted, or offered for collection after its lease expired. */
  state: "staged" | "committed" | "dead";
  readonly model: ModelBinding;
  readonly checksum: string;
  readonly pages: number;
  readonly documents: number;
  readonly sizeBytes: number;
  readonly replaces: readonly string[];
  leaseUntilMs: number;
  /** What `commit` answered, to answer it again. */
  commit: { readonly generation: number; readonly live: number; readonly tombstoned: number } | null;
  /** When it left the current generation; null while it is in it, or was never. */
  leftAtMs: number | null;
  /** It left because none of its documents was live any more, not because a merge replaced it. */
  emptied: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

type JsonRow = IndexState | GenerationRow | SegmentRow | FailureRow | RemovalRow;

export function encodeJsonRow(row: JsonRow): Uint8Array {
  return encoder.encode(JSON.stringify(row));
}

/** Reads back what `encodeJsonRow` wrote: the store is the catalog's own, its rows are not checked again. */
export function decodeJsonRow<T extends JsonRow>(value: Uint8Array): T {
  return JSON.parse(decoder.decode(value)) as T;
}

/** Why a position failed, as `settle` was told. */
export interface FailureRow {
  readonly code: string;
  readonly message: string;
}

/** What a deletion request with an Idempotency-Key was answered. */
export interface RemovalRow {
  readonly digest: string;
  readonly generation: number;
  readonly outcomes: readonly RemoveOutcome[];
}

/** 4 bytes: the number of a segment id; 0 is an id that must not be used again. */
export function encodeSegmentNumber(segment: number): Uint8Array {
  const value = new Uint8Array(4);
  viewOf(value).setUint32(0, segment);
  return value;
}

export function decodeSegmentNumber(value: Uint8Array): number {
  return viewOf(value).getUint32(0);
}

/** Of a dead segment id: 4 bytes, how many pages of it may still turn up; 0 is nothing at all. */
export function encodePageCount(pages: number): Uint8Array {
  return pages === 0 ? new Uint8Array() : encodeSegmentNumber(pages);
}

export function decodePageCount(value: Uint8Array): number {
  return value.length === 0 ? 0 : decodeSegmentNumber(value);
}

/** Where a document's highest version lies in one segment: 12 bytes. */
export interface LocationRow {
  readonly version: number;
  readonly ordinal: number;
}

export function encodeLocation({ version, ordinal }: LocationRow): Uint8Array {
  const value = new Uint8Array(12);
  const view = viewOf(value);
  writeUint64(view, 0, version);
  view.setUint32(8, ordinal);
  return value;
}

export function decodeLocation(value: Uint8Array): LocationRow {
  const view = viewOf(value);
  return { version: readUint64(view, 0), ordinal: view.getUint32(8) };
}

/** A condition: 8 bytes, the version plus one; 0: no such document. */
export function encodeCondition(ifVersion: number | null): Uint8Array {
  const value = new Uint8Array(8);
  writeUint64(viewOf(value), 0, ifVersion === null ? 0 : ifVersion + 1);
  return value;
}

export function decodeCondition(value: Uint8Array): number | null {
  const stored = readUint64(viewOf(value), 0);
  return stored === 0 ? null : stored - 1;
}

/** A remembered deletion: 16 bytes. */
export interface DeletionRow {
  readonly version: number;
  readonly deletedAtMs: number;
}

export function encodeDeletion({ version, deletedAtMs }: DeletionRow): Uint8Array {
  const value = new Uint8Array(16);
  const view = viewOf(value);
  writeUint64(view, 0, version);
  writeUint64(view, 8, deletedAtMs);
  return value;
}

/** With the time of a deletion: the first generation that knows of it, in 8 bytes. */
export function encodeKnownSince(generation: number): Uint8Array {
  const value = new Uint8Array(8);
  writeUint64(viewOf(value), 0, generation);
  return value;
}

/** @returns null in rows from before it was recorded */
export function decodeKnownSince(value: Uint8Array): number | null {
  return value.length === 0 ? null : readUint64(viewOf(value), 0);
}

export function decodeDeletion(value: Uint8Array): DeletionRow {
  const view = viewOf(value);
  return { version: readUint64(view, 0), deletedAtMs: readUint64(view, 8) };
}

/**
 * A chunk of a segment's documents: documentKey:16 version:8 position:2 ingestId:16 each, 42 bytes; position 0xFFFF
 * stands for none. 5,000 documents are 210 KB, under the 2 MB that a row of the object's SQLite may have.
 */
const CHUNK_ENTRY_BYTES = 42;
const NO_POSITION = 0xffff;

export function encodeChunk(documents: readonly LocatedDocument[]): Uint8Array {
  const value = new Uint8Array(documents.length * CHUNK_ENTRY_BYTES);
  const view = viewOf(value);
  documents.forEach(([documentKey, version, ingestId, position], i) => {
    const offset = i * CHUNK_ENTRY_BYTES;
    writeHex(value, offset, documentKey);
    writeUint64(view, offset + 16, version);
    const known = ingestId !== null && position !== null;
    view.setUint16(offset + 24, known ? position : NO_POSITION);
    if (known) writeHex(value, offset + 26, ingestId);
  });
  return value;
}

export function decodeChunk(value: Uint8Array): LocatedDocument[] {
  const view = viewOf(value);
  const documents: LocatedDocument[] = [];
  for (let offset = 0; offset < value.length; offset += CHUNK_ENTRY_BYTES) {
    const position = view.getUint16(offset + 24);
    const known = position !== NO_POSITION;
    documents.push([
      readHex(value, offset, 16),
      readUint64(view, offset + 16),
      known ? readHex(value, offset + 26, 16) : null,
      known ? position : null,
    ]);
  }
  return documents;
}

export function chunkLength(value: Uint8Array): number {
  return value.length / CHUNK_ENTRY_BYTES;
}

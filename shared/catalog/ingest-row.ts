/** The row of an ingest: its header and one byte a position for how that position ended. */
import { OUTCOMES, type Outcome } from "./commands.ts";
import { readUint64, viewOf, writeUint64 } from "./keys.ts";

export interface IngestRow {
  readonly acceptedAtMs: number;
  readonly firstVersion: number;
  readonly digest: string;
  /** The newest generation in which one of its positions was decided. */
  generation: number;
  /** One byte a position: an index into OUTCOMES, never that of `expired` unless it was written down. */
  readonly outcomes: Uint8Array;
}

const HEADER_BYTES = 28;

/** Layout: acceptedAtMs:8 firstVersion:8 generation:8 positions:2 digestLength:2, outcomes, digest in UTF-8. */
export function encodeIngest(row: IngestRow): Uint8Array {
  const digest = new TextEncoder().encode(row.digest);
  const value = new Uint8Array(HEADER_BYTES + row.outcomes.length + digest.length);
  const view = viewOf(value);
  writeUint64(view, 0, row.acceptedAtMs);
  writeUint64(view, 8, row.firstVersion);
  writeUint64(view, 16, row.generation);
  view.setUint16(24, row.outcomes.length);
  view.setUint16(26, digest.length);
  value.set(row.outcomes, HEADER_BYTES);
  value.set(digest, HEADER_BYTES + row.outcomes.length);
  return value;
}

export function decodeIngest(value: Uint8Array): IngestRow {
  const view = viewOf(value);
  const positions = view.getUint16(24);
  const digestStart = HEADER_BYTES + positions;
  return {
    acceptedAtMs: readUint64(view, 0),
    firstVersion: readUint64(view, 8),
    generation: readUint64(view, 16),
    outcomes: value.slice(HEADER_BYTES, digestStart),
    digest: new TextDecoder().decode(value.subarray(digestStart, digestStart + view.getUint16(26))),
  };
}

export function outcomeCode(outcome: Outcome): number {
  return OUTCOMES.indexOf(outcome);
}

export function outcomeOf(code: number): Outcome {
  return OUTCOMES[code]!;
}

export const PENDING_CODE = outcomeCode("pending");

/** The positions that are still pending, ascending. */
export function pendingPositions(outcomes: Uint8Array): number[] {
  const positions: number[] = [];
  outcomes.forEach((code, position) => {
    if (code === PENDING_CODE) positions.push(position);
  });
  return positions;
}

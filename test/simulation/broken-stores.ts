/** Storage as a catalog with a deliberate fault sees it. */
import { DELETION_SEGMENT, locationSegment } from "../../shared/catalog/keys.ts";
import type { KeyRange, StoredEntry } from "../../shared/catalog/ordered-store.ts";
import { decodeJsonRow, encodeJsonRow, type SegmentRow } from "../../shared/catalog/rows.ts";
import { ForwardingStore } from "./forwarding-store.ts";

/** Segments look staged and leased whatever became of them. */
export class UnfencedStore extends ForwardingStore {
  override get(key: Uint8Array): Uint8Array | null {
    const value = super.get(key);
    if (value === null || key[0] !== "n".charCodeAt(0)) return value;
    const row = decodeJsonRow<SegmentRow>(value);
    if (row.state === "committed") return value;
    return encodeJsonRow({ ...row, state: "staged", leaseUntilMs: Number.MAX_SAFE_INTEGER });
  }
}

/** There are no deletions to remember. */
export class ForgetfulStore extends ForwardingStore {
  override get(key: Uint8Array): Uint8Array | null {
    return isDeletion(key) ? null : super.get(key);
  }

  override list(range: KeyRange): StoredEntry[] {
    return super.list(range).filter(({ key }) => !isDeletion(key));
  }
}

function isDeletion(key: Uint8Array): boolean {
  return key[0] === "l".charCodeAt(0) && locationSegment(key) === DELETION_SEGMENT;
}

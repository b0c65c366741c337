/**
 * Conditional writes: each says at which version it wants to find its document, or that there must be none. The commit
 * decides, document by document, in the order of versions: a chain of writes that comes in one segment holds. What
 * waits in the queue is not known here, so that only a condition that can never hold any more is refused before. What has
 * failed stays so: its client was told, and a message that is delivered again must not bring the write back.
 */
import type { AcceptRequest, LocatedDocument } from "./commands.ts";
import type { CatalogContext } from "./context.ts";
import { conditionKey, conditionOrdinal, conditionPrefix } from "./keys.ts";
import type { DocumentFinder, DocumentPlaces } from "./locations.ts";
import { prefixRange } from "./ordered-store.ts";
import { decodeCondition, encodeCondition } from "./rows.ts";

export const VERSION_CONFLICT = "version_conflict";

export function writeConditions(
  context: CatalogContext,
  segment: number,
  firstOrdinal: number,
  documents: readonly LocatedDocument[],
): void {
  documents.forEach(([, , , , ifVersion], i) => {
    if (ifVersion === undefined) return;
    context.store.put(conditionKey(segment, firstOrdinal + i), encodeCondition(ifVersion));
  });
}

/** The conditions of a segment's documents by ordinal. */
export function readConditions(context: CatalogContext, segment: number): Map<number, number | null> {
  const rows = context.store.list(prefixRange(conditionPrefix(segment)));
  return new Map(rows.map(({ key, value }) => [conditionOrdinal(key), decodeCondition(value)]));
}

export function deleteConditions(context: CatalogContext, segment: number): void {
  for (const { key } of context.store.list(prefixRange(conditionPrefix(segment)))) context.store.delete(key);
}

/** A write of a document that has a conditional write in the same segment. */
export interface ContestedWrite {
  readonly ordinal: number;
  readonly version: number;
  /** Undefined: it is not conditional itself. */
  readonly ifVersion: number | null | undefined;
  /** An earlier commit, or its acceptance, found that its condition does not hold. */
  readonly hasFailed: boolean;
}

export interface ContestVerdict {
  /** The write that is live now; null: what was live before, or nothing. */
  readonly winner: ContestedWrite | null;
  /** How each write ended, by ordinal; a string is why its condition did not hold. */
  readonly outcomes: ReadonlyMap<number, "indexed" | "superseded" | { readonly conflict: string }>;
}

/** Decides all writes of one document in a segment. */
export function decideContest(places: DocumentPlaces, writes: readonly ContestedWrite[]): ContestVerdict {
  const { live, deletion } = places;
  const outcomes = new Map<number, "indexed" | "superseded" | { readonly conflict: string }>();
  let standing = live?.version ?? null;
  let winner: ContestedWrite | null = null;
  const inOrder = [...writes].sort((a, b) => a.version - b.version || a.ordinal - b.ordinal);
  for (const write of inOrder) {
    const { ordinal, version, ifVersion, hasFailed } = write;
    if (deletion !== null && deletion.version >= version) {
      outcomes.set(ordinal, "superseded");
    } else if (ifVersion !== undefined && ifVersion !== standing) {
      // Also where the very version is live: if it was this write, that is on record already and stays.
      outcomes.set(ordinal, { conflict: explainConflict(ifVersion, standing) });
    } else if (hasFailed) {
      outcomes.set(ordinal, { conflict: "it has failed before" });
    } else {
      if (standing === null || version > standing) {
        winner = write;
        standing = version;
      }
      outcomes.set(ordinal, "indexed");
    }
  }
  // A later write of this segment has overtaken what was to stand, and what was delivered twice with it.
  for (const { ordinal, version } of inOrder) {
    if (outcomes.get(ordinal) === "indexed" && version !== standing) outcomes.set(ordinal, "superseded");
  }
  return { winner, outcomes };
}

/** The conditions that can never hold any more, since versions only rise and deletions are remembered. */
export function findContradictions(
  finder: DocumentFinder,
  conditions: NonNullable<AcceptRequest["conditions"]>,
): { position: number; message: string }[] {
  return conditions.flatMap(({ position, key, ifVersion }) => {
    const { live, deletion } = finder.find(key);
    const standing = live?.version ?? null;
    const isPast =
      ifVersion === null
        ? standing !== null
        : (standing !== null && standing > ifVersion) || (deletion !== null && deletion.version >= ifVersion);
    return isPast ? [{ position, message: explainConflict(ifVersion, standing) }] : [];
  });
}

function explainConflict(ifVersion: number | null, standing: number | null): string {
  const found = standing === null ? "there is no such document" : `the document is at version ${standing}`;
  return `${found}, the write is for ${ifVersion === null ? "a new document" : `version ${ifVersion}`}`;
}

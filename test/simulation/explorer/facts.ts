/** The rules of DESIGN in their plainest form: per document the highest version, and a deletion that beats what is not above it. */
import type { Origin } from "./effects.ts";
import type { Facts, Written } from "./state.ts";

export function recordCommit(facts: Facts, documents: readonly Written[], origins: readonly Origin[]): Facts {
  if (origins.length === 0) return facts; // a merge writes nothing
  const live: Record<string, number> = { ...facts.live };
  const deletedAt = (document: string) => facts.deleted[document]?.version ?? -1;
  for (const [document, version] of documents) {
    if (version > (live[document] ?? -1) && version > deletedAt(document)) live[document] = version;
  }
  const fates: Record<string, "indexed" | "superseded"> = { ...facts.fates };
  documents.forEach(([document, version], at) => {
    const write = origins[at]!.join("/");
    const isHighest = version >= (live[document] ?? -1) && version > deletedAt(document);
    fates[write] ??= isHighest ? "indexed" : "superseded";
  });
  return { ...facts, live: sorted(live), fates: sorted(fates) };
}

/** @param after the generation that was current */
export function recordDeletion(facts: Facts, document: string, version: number, after: number): Facts {
  if ((facts.live[document] ?? -1) > version) return facts;
  const { [document]: _, ...live } = facts.live;
  if ((facts.deleted[document]?.version ?? -1) >= version) return { ...facts, live };
  return { ...facts, live, deleted: sorted({ ...facts.deleted, [document]: { version, after } }) };
}

/** @param live of the generation `to`, when it was made */
export function recordRollback(facts: Facts, live: Facts["live"], to: number): Facts {
  const isDeleted = (document: string, version: number): boolean => {
    const deletion = facts.deleted[document];
    return deletion !== undefined && deletion.after >= to && deletion.version >= version;
  };
  const restored = Object.entries(live).filter(([document, version]) => !isDeleted(document, version));
  return { ...facts, live: Object.fromEntries(restored) };
}

/** Equal facts are equal texts. */
function sorted<Value>(record: Record<string, Value>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

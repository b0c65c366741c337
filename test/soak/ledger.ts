/**
 * What was written, in which order, and what of it is known to be committed: the truth that answers are held against.
 * Writes to one document are never under way at the same time, so that their order is the order in which they began.
 */
import type { Violations } from "./violations.ts";

export interface Write {
  /** Null: a deletion. */
  readonly text: string | null;
  /** A generation that shows this write or a later one of the document; null until that is known. */
  generation: number | null;
}

export interface Entry {
  readonly id: string;
  /** Words that no other document has together. */
  readonly key: string;
  /** In order. */
  readonly writes: Write[];
}

/** What a search found of a document. */
export interface SeenHit {
  readonly id: string;
  readonly text: string;
}

export class Ledger {
  readonly entries = new Map<string, Entry>();
  /** Ids in order of their first write, for picking at random. */
  readonly ids: string[] = [];
  readonly #violations: Violations;

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  /** Notes a write that is about to be sent. */
  begin(id: string, key: string, text: string | null): Write {
    let entry = this.entries.get(id);
    if (entry === undefined) {
      entry = { id, key, writes: [] };
      this.entries.set(id, entry);
      this.ids.push(id);
    }
    const write: Write = { text, generation: null };
    entry.writes.push(write);
    return write;
  }

  /** Documents that the index must hold in the end, with their texts. */
  expected(): Map<string, string> {
    const texts = new Map<string, string>();
    for (const { id, writes } of this.entries.values()) {
      const { text } = writes.at(-1)!;
      if (text !== null) texts.set(id, text);
    }
    return texts;
  }

  /** Holds hits of one answer against what was written. @param counts writes of each entry when the search began */
  checkHits(hits: readonly SeenHit[], generation: number): void {
    const seen = new Set<string>();
    for (const { id, text } of hits) {
      if (seen.has(id)) this.#violations.add("doubled", `${id} is there twice in generation ${generation}`);
      seen.add(id);
      const entry = this.entries.get(id);
      const place = entry?.writes.findIndex((write) => write.text === text) ?? -1;
      if (entry === undefined || place < 0) {
        this.#violations.add(
          "wrong",
          `${id} has a text that nobody wrote in generation ${generation}: ${text}`,
        );
        continue;
      }
      if (place < this.#shownBy(entry, generation))
        this.#violations.add(
          "halfSeen",
          `generation ${generation} shows write ${place} of ${describe(entry)}`,
        );
    }
  }

  /**
   * Holds the answer to a search for an entry's own words against what must be there.
   * @param before how many writes had begun when the search was sent: later ones may or may not be seen
   * @returns whether anything could be said
   */
  checkEntry(entry: Entry, before: number, hits: readonly SeenHit[], generation: number): boolean {
    const shown = this.#shownBy(entry, generation);
    if (entry.writes.length !== before || shown !== before - 1) return false;
    const { text } = entry.writes[shown]!;
    const found = hits.find(({ id }) => id === entry.id);
    if (text === null && found !== undefined)
      this.#violations.add(
        "halfSeen",
        `generation ${generation} shows ${entry.id}, which is deleted: ${describe(entry)}`,
      );
    if (text !== null && found === undefined)
      this.#violations.add("lost", `generation ${generation} does not show ${describe(entry)}`);
    if (text !== null && found !== undefined && hits[0]!.id !== entry.id)
      this.#violations.add("wrong", `${hits[0]!.id} is before ${entry.id}, whose words were searched for`);
    return true;
  }

  /** The last write that a generation is known to show; -1 when none is. */
  #shownBy({ writes }: Entry, generation: number): number {
    return writes.findLastIndex((write) => write.generation !== null && write.generation <= generation);
  }
}

function describe({ id, key, writes }: Entry): string {
  const list = writes.map(
    ({ text, generation }, at) => `${at}${text === null ? " deleted" : ""}@${generation ?? "?"}`,
  );
  return `${id} (${key}) of writes ${list.join(", ")}`;
}

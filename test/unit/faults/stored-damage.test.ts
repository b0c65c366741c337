/**
 * A value in KV is damaged, and somebody searches: the answer is a typed error that names the key, never a wrong one.
 * Each fault is tried on a page of each kind, in the format as it is written now and in every version that was ever
 * released. (What each decoder does with damage is in shared/format/damage.test.ts.)
 */
import { afterAll, describe, expect, it } from "vitest";
import { isLzeroError } from "../../../shared/errors.ts";
import { FaultMatrix } from "../../support/fault-matrix.ts";
import {
  kindOf,
  listGoldenIndexes,
  readAnswer,
  readerOf,
  type StoredIndex,
  writeStoredIndex,
} from "../../support/stored-index.ts";

const KINDS = ["manifest", "queryTables", "segmentRoot", "postings", "documents"];
const DAMAGE = /^page_(truncated|corrupt|unexpected|version_newer)$/;
const VERSION_OFFSET = 4;

/** Values tried, by index, kind of page and fault. */
const tried = new Map<string, Map<string, number>>();

afterAll(async () => {
  const matrix = new FaultMatrix("fault-matrix-stored");
  for (const [page, faults] of tried) {
    const counts = [...faults].map(([fault, count]) => `${fault} ${count}`).join(", ");
    await matrix.record(page, counts, () => "each time a typed error that names the key");
  }
  matrix.publish();
});

function count(stored: StoredIndex, kind: string, fault: string, times: number): void {
  const page = `${stored.name}: ${kind}`;
  const faults = tried.get(page) ?? new Map<string, number>();
  faults.set(fault, (faults.get(fault) ?? 0) + times);
  tried.set(page, faults);
}

/** @returns how the answer ends when a key has another value; null: it is absent */
async function answerWith(stored: StoredIndex, key: string, value: Uint8Array | null): Promise<string> {
  const values = new Map(stored.values);
  if (value === null) values.delete(key);
  else values.set(key, value);
  try {
    await readAnswer(stored, readerOf(values));
    return "an answer";
  } catch (error) {
    if (!isLzeroError(error)) throw error;
    return error.details.key === key ? error.code : `${error.code} of ${error.details.key}`;
  }
}

describe.each([writeStoredIndex(), ...listGoldenIndexes()])("an index $name", (stored) => {
  /** The smallest value of each kind: every byte of it is tried. A root is there with and without its own payload. */
  const victims = KINDS.flatMap((kind) => {
    const all = [...stored.values].filter(([, value]) => kindOf(value) === kind);
    const bySize = all.sort(([, left], [, right]) => left.length - right.length);
    return (kind === "segmentRoot" ? bySize : bySize.slice(0, 1)).map(
      ([key, value]) => [kind, key, value] as const,
    );
  });

  it("has pages of every kind, and one answer reads all of them", async () => {
    expect([...new Set(victims.map(([kind]) => kind))]).toEqual(KINDS);
    const read = new Set<string>();
    const reader = readerOf(stored.values);
    const answer = await readAnswer(stored, {
      read: (key) => {
        read.add(key);
        return reader.read(key);
      },
    });
    // A segment without documents is in the golden index; nobody reads its root twice, but everybody once.
    expect([...read].sort()).toEqual([...stored.values.keys()].sort());
    expect(JSON.parse(answer).at(-1).length).toBeGreaterThan(50);
  });

  it.each(victims)("%s %s: every byte flipped is found", async (kind, key, value) => {
    for (let at = 0; at < value.length; at++) {
      const flipped = value.slice();
      // All bits of every other byte, one bit of the rest.
      flipped[at] = flipped[at]! ^ (at % 2 === 0 ? 0xff : 1 << (at % 8));
      expect(await answerWith(stored, key, flipped), `byte ${at} of ${key}`).toMatch(DAMAGE);
    }
    count(stored, kind, "flipped", value.length);
  });

  it.each(victims)("%s %s: cut at every length is found", async (kind, key, value) => {
    for (let length = 0; length < value.length; length++)
      expect(await answerWith(stored, key, value.slice(0, length)), `at ${length}`).toBe("page_truncated");
    count(stored, kind, "cut", value.length);
  });

  it.each(victims)("%s %s: zeros are found", async (kind, key, value) => {
    const { length } = value;
    const ranges: [start: number, end: number][] = [
      [0, length],
      [0, length >> 1],
      [length >> 1, length],
    ];
    for (let start = 0; start < length; start += 64) ranges.push([start, Math.min(length, start + 64)]);
    for (const [start, end] of ranges) {
      const zeroed = value.slice().fill(0, start, end);
      if (zeroed.every((byte, at) => byte === value[at])) continue;
      expect(await answerWith(stored, key, zeroed), `${start} to ${end}`).toMatch(DAMAGE);
      count(stored, kind, "zeroed", 1);
    }
  });

  it.each(victims)("%s %s: the value of any other key is found", async (kind, key) => {
    const others = [...stored.values].filter(([other]) => other !== key);
    for (const [other, value] of others)
      expect(await answerWith(stored, key, value), other).toMatch(/^page_(unexpected|corrupt)$/);
    count(stored, kind, "another key's", others.length);
  });

  it.each(victims)("%s %s: a newer version is refused as such", async (kind, key, value) => {
    for (const version of [100, 255]) {
      const newer = value.slice();
      newer[VERSION_OFFSET] = version;
      expect(await answerWith(stored, key, newer)).toBe("page_version_newer");
    }
    count(stored, kind, "newer", 2);
  });

  const pages = victims.filter(([kind]) => kind !== "manifest" && kind !== "queryTables");
  it.each(pages)("%s %s: absence is found", async (kind, key) => {
    expect(await answerWith(stored, key, null)).toBe("page_missing");
    count(stored, kind, "absent", 1);
  });
});

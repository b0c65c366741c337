import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseMerge } from "../../../../batch/publish/merge-policy.ts";
import type { LiveSegment } from "../../../../shared/catalog/commands.ts";

function segments(...sizes: number[]): LiveSegment[] {
  return sizes.map((sizeBytes, at) => ({
    segmentId: `${at}`,
    pages: 1,
    documents: 100,
    tombstones: 0,
    sizeBytes,
  }));
}

const policy = { maxLive: 8, maxMergeBytes: 1000, maxTombstoneShare: 0.3, minDeadBytes: 20 };
const sizes = (chosen: LiveSegment[]) => chosen.map(({ sizeBytes }) => sizeBytes);

describe("chooseMerge", () => {
  it("leaves eight segments alone", () => {
    expect(chooseMerge(segments(1, 1, 1, 1, 1, 1, 1, 1), policy)).toEqual([]);
  });

  it("merges equal segments into one", () => {
    expect(sizes(chooseMerge(segments(...new Array(9).fill(10)), policy))).toHaveLength(9);
  });

  it("takes the next larger one only when what is below weighs as much", () => {
    expect(sizes(chooseMerge(segments(900, 5, 5, 9, 20, 60, 5, 700, 5), policy))).toEqual([
      5, 5, 9, 20, 5, 5,
    ]);
  });

  it("rewrites only the two smallest of a geometric row", () => {
    expect(sizes(chooseMerge(segments(256, 129, 65, 33, 17, 9, 5, 3, 1), policy))).toEqual([3, 1]);
  });

  it("counts a segment by what is alive in it", () => {
    const row = segments(256, 129, 65, 33, 17, 9, 5, 3, 900);
    row[8] = { ...row[8]!, documents: 1000, tombstones: 999 };
    expect(chooseMerge(row, policy)).toEqual([row[7], row[8]]);
  });

  it("does not take more than the limit, unless the count forces it", () => {
    expect(sizes(chooseMerge(segments(...new Array(9).fill(300)), policy))).toEqual([300, 300, 300]);
    expect(sizes(chooseMerge(segments(...new Array(9).fill(2000)), policy))).toEqual([2000, 2000]);
    expect(sizes(chooseMerge(segments(...new Array(12).fill(2000)), policy))).toHaveLength(5);
  });

  it("rewrites the segment with the most dead bytes of those with too large a share of them", () => {
    const row = segments(100, 100, 900, 50, 2000);
    const dead = [30, 31, 32, 100, 90];
    const withDead = row.map((segment, at) => ({ ...segment, tombstones: dead[at]! }));
    expect(sizes(chooseMerge(withDead, policy))).toEqual([900]);
    expect(sizes(chooseMerge(withDead.toSpliced(2, 1), policy))).toEqual([50]);
    expect(sizes(chooseMerge(withDead.slice(0, 1), policy))).toEqual([]); // 30 % is not too much
    expect(sizes(chooseMerge(withDead.slice(4), policy))).toEqual([]); // more than the limit
    const few = { ...withDead[1]!, tombstones: 100, sizeBytes: 19 };
    expect(sizes(chooseMerge([few], policy))).toEqual([]); // too little to be worth a write
  });

  it("leaves eight or fewer, whatever there is", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2000 }), { maxLength: 40 }), (row) => {
        const chosen = chooseMerge(segments(...row), policy);
        const left = row.length - chosen.length + (chosen.length > 0 ? 1 : 0);
        expect(left).toBeLessThanOrEqual(8);
        expect(chosen.length).not.toBe(1);
      }),
    );
  });

  it("rewrites a document about log2 of the number of batches times", () => {
    const row: { sizeBytes: number }[] = [];
    let written = 0;
    for (let batch = 0; batch < 1000; batch++) {
      row.push({ sizeBytes: 1 });
      const chosen = chooseMerge(segments(...row.map(({ sizeBytes }) => sizeBytes)), {
        ...policy,
        maxMergeBytes: Number.POSITIVE_INFINITY,
      });
      if (chosen.length === 0) continue;
      const merged = chosen.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      written += merged;
      const gone = new Set(chosen.map(({ segmentId }) => Number(segmentId)));
      const kept = row.filter((_, at) => !gone.has(at));
      row.splice(0, row.length, ...kept, { sizeBytes: merged });
    }
    expect(row.length).toBeLessThanOrEqual(8);
    expect(written / 1000).toBeLessThan(Math.log2(1000));
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareCandidates, TopK } from "../../../../shared/query/top-k.ts";

const candidateArbitrary = fc.record({
  score: fc.integer({ min: 1, max: 12 }),
  place: fc.nat(3),
  ordinal: fc.nat(1000),
});

describe("TopK", () => {
  it("keeps what a full sort puts first, in whatever order candidates come", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(candidateArbitrary, { maxLength: 200, selector: (c) => `${c.place}/${c.ordinal}` }),
        fc.integer({ min: 1, max: 220 }),
        (candidates, capacity) => {
          const top = new TopK(capacity);
          for (const { score, place, ordinal } of candidates) top.offer(score, place, ordinal);
          expect(top.sorted()).toEqual([...candidates].sort(compareCandidates).slice(0, capacity));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("grows past its first room", () => {
    const top = new TopK(5000);
    for (let ordinal = 0; ordinal < 6000; ordinal++) top.offer(((ordinal * 7919) % 6007) + 1, 0, ordinal);
    const scores = top.sorted().map(({ score }) => score);
    expect(scores).toHaveLength(5000);
    const all = Array.from({ length: 6000 }, (_, ordinal) => ((ordinal * 7919) % 6007) + 1);
    expect(scores).toEqual(all.sort((a, b) => b - a).slice(0, 5000));
  });

  it("has as threshold the worst kept score once it is full, 1 before", () => {
    const top = new TopK(2);
    expect(top.threshold).toBe(1);
    top.offer(9, 0, 0);
    expect(top.threshold).toBe(1);
    top.offer(5, 0, 1);
    expect(top.threshold).toBe(5);
    top.offer(7, 0, 2);
    expect(top.threshold).toBe(7);
  });
});

import { describe, expect, it } from "vitest";
import { pruneTerms } from "../../../../shared/model/pruning.ts";

describe("pruneTerms", () => {
  // values: 8, 2, 2, 2
  const vector = { termIds: Uint32Array.of(1, 2, 3, 4), weights: Float32Array.of(1, 2, 2, 4) };
  const idf = Float32Array.of(0, 8, 1, 1, 0.5);
  const kept = (minValue: number, atLeast: number, atMost: number) =>
    Array.from(pruneTerms(vector, idf, { minValue, atLeast, atMost }).termIds);

  it("keeps what reaches the value, by ascending id, with its weights", () => {
    expect(kept(3, 0, 9)).toEqual([1]);
    expect(kept(2, 0, 9)).toEqual([1, 2, 3, 4]);
    expect(pruneTerms(vector, idf, { minValue: 3, atLeast: 0, atMost: 9 }).weights).toEqual(
      Float32Array.of(1),
    );
  });

  it("keeps at most so many, the lower id among equals", () => {
    expect(kept(0, 0, 3)).toEqual([1, 2, 3]);
  });

  it("keeps at least so many, so that no document is lost", () => {
    expect(kept(100, 2, 9)).toEqual([1, 2]);
    expect(kept(100, 9, 9)).toEqual([1, 2, 3, 4]);
  });

  it("takes an empty vector", () => {
    const empty = { termIds: new Uint32Array(0), weights: new Float32Array(0) };
    expect(pruneTerms(empty, idf, { minValue: 1, atLeast: 3, atMost: 3 })).toEqual(empty);
  });
});

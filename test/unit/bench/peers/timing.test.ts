import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BenchCollection, CollectionMeta } from "../../../bench/collections/read-collection.ts";
import { searchExhaustively } from "../../../bench/peers/forty-lines.ts";
import { invert } from "../../../bench/peers/inverted-lists.ts";
import { evenSteps, quantile, recallOf } from "../../../bench/peers/timing.ts";

const TERMS = 6;

/** Rows of impacts by term, 0 for none. */
function collectionOf(matrix: readonly (readonly number[])[]): BenchCollection {
  const rows = matrix.map((row) =>
    row.flatMap((impact, term) => (impact > 0 ? [[term, impact] as const] : [])),
  );
  const indptr = new Uint32Array(rows.length + 1);
  rows.forEach((row, at) => {
    indptr[at + 1] = indptr[at]! + row.length;
  });
  return {
    meta: { vocabularySize: TERMS } as CollectionMeta,
    folder: "",
    vectors: { indptr, terms: Uint16Array.from(rows.flat(), ([term]) => term) },
    impacts: Uint8Array.from(rows.flat(), ([, impact]) => impact),
    weights: new Float32Array(0),
    own: { indptr, terms: new Uint16Array(0) },
  };
}

const impactRow = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: TERMS, maxLength: TERMS });

describe("searchExhaustively", () => {
  it("returns what sorting all scores gives, the lower ordinal first among equals", () => {
    fc.assert(
      fc.property(
        fc.array(impactRow, { maxLength: 40 }),
        impactRow,
        fc.integer({ min: 1, max: 12 }),
        (matrix, weightRow, k) => {
          const terms = weightRow.flatMap((weight, term) => (weight > 0 ? [term] : []));
          const query = { text: "", terms, weights: terms.map((term) => weightRow[term]!) };
          const lists = invert(collectionOf(matrix));
          const dirty = new Int32Array(matrix.length).fill(99);
          const expected = matrix
            .map((row, ordinal) => ({
              ordinal,
              score: row.reduce((sum, impact, term) => sum + impact * weightRow[term]!, 0),
            }))
            .filter(({ score }) => score > 0)
            .sort((a, b) => b.score - a.score || a.ordinal - b.ordinal)
            .slice(0, k);
          expect(searchExhaustively(lists, query, dirty, k)).toEqual({
            ordinals: expected.map(({ ordinal }) => ordinal),
            scores: expected.map(({ score }) => score),
          });
        },
      ),
    );
  });
});

describe("recallOf", () => {
  const collection = collectionOf([[3], [2], [2], [1]].map((row) => [...row, 0, 0, 0, 0, 0]));
  const query = { text: "", terms: [0], weights: [1] };
  const exact = { ordinals: [0, 1], scores: [3, 2] };

  it("counts a document that scores as the last of the exact hits", () => {
    expect(recallOf([0, 2], query, exact, collection)).toBe(1);
  });

  it("counts a document once, and none that scores less", () => {
    expect(recallOf([0, 0, 1], query, exact, collection)).toBe(1);
    expect(recallOf([0, 3, 1], query, exact, collection)).toBe(0.5);
    expect(recallOf([], query, exact, collection)).toBe(0);
  });

  it("is 1 where there is nothing to find", () => {
    expect(recallOf([3], query, { ordinals: [], scores: [] }, collection)).toBe(1);
  });
});

describe("quantile", () => {
  it("returns the smallest value that the share does not exceed", () => {
    const hundred = Array.from({ length: 100 }, (_, at) => at + 1);
    expect(quantile(hundred, 0.5)).toBe(50);
    expect(quantile(hundred, 0.99)).toBe(99);
    expect(quantile([7], 0.99)).toBe(7);
  });
});

describe("evenSteps", () => {
  it("returns all indexes when they are few, and as many as asked for otherwise", () => {
    expect(evenSteps(3, 10)).toEqual([0, 1, 2]);
    expect(evenSteps(10, 4)).toEqual([0, 2, 5, 7]);
  });
});

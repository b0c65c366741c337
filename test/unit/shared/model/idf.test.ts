import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLzeroError } from "../../../../shared/errors.ts";
import { idfTable } from "../../../../shared/model/idf.ts";

describe("idfTable", () => {
  const modelIdf = Float32Array.of(0.016, 1, 4, 15.59);

  it("returns the model's table, whatever the corpus, in mode model", () => {
    const corpus = { documents: 10, textFrequencies: Uint32Array.of(1, 2, 3, 4) };
    expect(idfTable("model", modelIdf, corpus)).toEqual(modelIdf);
  });

  it("returns the model's table for an empty corpus in mode blend", () => {
    const blended = idfTable("blend", modelIdf, { documents: 0, textFrequencies: new Uint32Array(4) });
    blended.forEach((idf, term) => {
      expect(idf).toBeCloseTo(modelIdf[term]!, 5);
    });
  });

  it("returns hand-computed values", () => {
    // blend: −ln((500 + 2000·e⁻⁴) / (6000 + 2000)); corpus: ln(1 + (6000 − 500 + ½) / 500½)
    const corpus = { documents: 6000, textFrequencies: Uint32Array.of(6000, 0, 500, 0) };
    expect(idfTable("blend", modelIdf, corpus)[2]).toBeCloseTo(2.7018856, 5);
    expect(idfTable("corpus", modelIdf, corpus)[2]).toBeCloseTo(2.4840738, 5);
  });

  it("is never negative and never rises with the document frequency", () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.double({ min: 0, max: 16, noNaN: true }), (documents, idf) => {
        for (const mode of ["blend", "corpus"] as const) {
          let last = Number.POSITIVE_INFINITY;
          for (const share of [0, 0.01, 0.5, 1]) {
            const corpus = { documents, textFrequencies: Uint32Array.of(Math.floor(documents * share)) };
            const [value] = idfTable(mode, Float32Array.of(idf), corpus);
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThanOrEqual(last);
            last = value!;
          }
        }
      }),
    );
  });

  it("refuses counts of another vocabulary", () => {
    const attempt = () => idfTable("blend", modelIdf, { documents: 1, textFrequencies: new Uint32Array(3) });
    expect(attempt).toThrow(expect.toSatisfy((error) => isLzeroError(error, "idf_table_mismatch")));
  });
});

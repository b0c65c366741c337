import { describe, expect, it } from "vitest";
import { chooseBySize } from "../../../bench/collections/query-sets.ts";
import { randomOf, shuffled } from "../../../bench/collections/random.ts";
import { countByTerm, describeCollection } from "../../../bench/collections/statistics.ts";

function candidates(sizes: readonly number[]) {
  return sizes.map((size, at) => ({
    query: { text: `query ${at}`, terms: Array.from({ length: size }, (_, term) => term), weights: [] },
  }));
}

describe("chooseBySize", () => {
  const sizeOf = ({ query }: ReturnType<typeof candidates>[number]) => query.terms.length;

  it("returns equally many of each size, the first ones, in their order", () => {
    const chosen = chooseBySize(candidates([2, 1, 1, 3, 2, 1, 2, 2]), sizeOf, [1, 2], 4);
    expect(chosen.map(({ text }) => text)).toEqual(["query 0", "query 1", "query 2", "query 4"]);
  });

  it("refuses a set that is too small to measure", () => {
    expect(() => chooseBySize(candidates([1, 2, 3]), sizeOf, [1, 2, 3], 2000)).toThrow("3 queries");
  });
});

describe("shuffled", () => {
  it("returns the same order for the same seed, and every item once", () => {
    const items = Array.from({ length: 100 }, (_, at) => at);
    const order = shuffled(items, randomOf(5));
    expect(order).toEqual(shuffled(items, randomOf(5)));
    expect(order).not.toEqual(items);
    expect(order.toSorted((a, b) => a - b)).toEqual(items);
  });

  it("puts each item at each place about equally often", () => {
    const random = randomOf(3);
    const counts = [0, 0, 0];
    for (let round = 0; round < 3000; round++) counts[shuffled([0, 1, 2], random).indexOf(0)]!++;
    for (const count of counts) expect(count / 1000).toBeCloseTo(1, 0);
  });
});

describe("describeCollection", () => {
  const frequencies = countByTerm(Uint16Array.of(0, 1, 0, 2, 0, 1, 0), 4);
  const query = { text: "", terms: [0, 2], weights: [1, 1] };
  const statistics = describeCollection(4, frequencies, 10, { short: [query] });

  it("counts postings by document, list and query", () => {
    expect(statistics).toMatchObject({
      documents: 4,
      postings: 7,
      postingsPerDocument: 1.75,
      lists: 3,
      ownTermsPerDocument: 2.5,
      queries: { short: { queries: 1, termsMean: 2, postingsPerDocumentMean: 1.25, postingsP50: 5 } },
    });
  });

  it("puts each list into the class of its density", () => {
    const [half, quarter] = statistics.densities;
    expect(half).toMatchObject({ from: 0.5, lists: 2, postings: 6 / 7, queryTerms: { short: 0.5 } });
    expect(quarter).toMatchObject({ from: 0.25, lists: 1, postings: 1 / 7, queryTerms: { short: 0.5 } });
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DocumentTerms, orderDocuments } from "../../../../shared/format/order-documents.ts";
import { StrongTerms } from "../../../../shared/format/strong-terms.ts";
import { randomOf, shuffled } from "../../../bench/collections/random.ts";

function rowsOf(documents: readonly (readonly number[])[], termLimit = 1000, weight = 100): DocumentTerms {
  const starts = new Uint32Array(documents.length + 1);
  documents.forEach((terms, at) => {
    starts[at + 1] = starts[at]! + terms.length;
  });
  const terms = Uint32Array.from(documents.flat());
  return { starts, terms, weights: new Uint8Array(terms.length).fill(weight), termLimit };
}

const documentsArbitrary = fc.array(fc.uniqueArray(fc.nat(40), { maxLength: 8 }), { maxLength: 200 });

/** Documents of 64 topics in random order: each has 8 of its topic's 12 terms and 4 of the 1,000 that all share. */
function plantTopics(topics: number, perTopic: number, seed: number) {
  const random = randomOf(seed);
  const topicOf = shuffled(
    Array.from({ length: topics * perTopic }, (_, at) => at % topics),
    random,
  );
  const documents = topicOf.map((topic) => {
    const own = shuffled(
      Array.from({ length: 12 }, (_, at) => 1000 + topic * 12 + at),
      random,
    ).slice(0, 8);
    const shared = new Set(Array.from({ length: 4 }, () => Math.floor(random() * 1000)));
    return [...own, ...shared];
  });
  return { topicOf, rows: rowsOf(documents, 1000 + topics * 12) };
}

describe("orderDocuments", () => {
  it("gives a permutation, the same every time", () => {
    fc.assert(
      fc.property(documentsArbitrary, fc.integer({ min: 0, max: 40 }), (documents, leafDocuments) => {
        const order = orderDocuments(rowsOf(documents), { leafDocuments });
        expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from(documents.keys()));
        expect(orderDocuments(rowsOf(documents), { leafDocuments })).toEqual(order);
      }),
    );
  });

  it("leaves documents in their order that nothing draws together", () => {
    const apart = Array.from({ length: 300 }, (_, at) => [at]);
    expect(Array.from(orderDocuments(rowsOf(apart)))).toEqual(Array.from(apart.keys()));
    const alike = apart.map(() => [1, 2, 3]);
    expect(Array.from(orderDocuments(rowsOf(alike)))).toEqual(Array.from(apart.keys()));
    expect(Array.from(orderDocuments(rowsOf(apart.map(() => []))))).toEqual(Array.from(apart.keys()));
  });

  it("finds planted topics: neighbours are of one topic", () => {
    const { topicOf, rows } = plantTopics(64, 128, 5);
    const sameTopic = (order: Iterable<number>) => {
      const topics = Array.from(order, (document) => topicOf[document]!);
      return topics.filter((topic, at) => topic === topics[at + 1]).length / topics.length;
    };
    expect(sameTopic(topicOf.keys())).toBeLessThan(0.03);
    expect(sameTopic(orderDocuments(rows))).toBeGreaterThan(0.95);
  });

  it("halves two kinds of documents exactly", () => {
    const kinds = shuffled(
      Array.from({ length: 1000 }, (_, at) => at % 2),
      randomOf(3),
    );
    const documents = kinds.map((kind, at) =>
      [3, 5, 7, 11].map((prime) => kind * 100 + prime * 5 + (at % prime)),
    );
    const found = Array.from(orderDocuments(rowsOf(documents)), (document) => kinds[document]);
    expect(new Set(found.slice(0, 500)).size).toBe(1);
    expect(new Set(found.slice(500)).size).toBe(1);
  });
});

describe("StrongTerms", () => {
  const add = (strong: StrongTerms, list: readonly (readonly [ordinal: number, impact: number])[]) => {
    const ordinals = Uint32Array.from(list, ([ordinal]) => ordinal);
    strong.add(
      ordinals,
      Uint8Array.from(list, ([, impact]) => impact),
      0,
      list.length,
    );
  };

  it("keeps the terms of the largest impacts, as a sort would", () => {
    const listArbitrary = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 30, maxLength: 30 });
    fc.assert(
      fc.property(
        fc.array(listArbitrary, { maxLength: 30 }),
        fc.integer({ min: 1, max: 6 }),
        (lists, most) => {
          const strong = new StrongTerms(30, most);
          // At most three documents a list: none is of too many. Lists of one are left out.
          const taken = lists
            .map((impacts, term) =>
              impacts.flatMap((impact, ordinal) =>
                ordinal % 10 === term % 10 && impact > 0 ? [[ordinal, impact] as const] : [],
              ),
            )
            .filter((list) => list.length > 1);
          for (const list of taken) add(strong, list);
          const { starts, terms, weights, termLimit } = strong.rows();
          expect(termLimit).toBe(taken.length);
          for (let document = 0; document < 30; document++) {
            const impactOf = (term: number) => taken[term]!.find(([ordinal]) => ordinal === document)?.[1];
            const kept = Array.from(terms.subarray(starts[document], starts[document + 1]));
            expect(new Set(kept).size).toBe(kept.length);
            const all = taken.flatMap((_, term) => impactOf(term) ?? []).sort((a, b) => b - a);
            expect(kept.map((term) => impactOf(term)).sort((a, b) => b! - a!)).toEqual(all.slice(0, most));
            expect(Array.from(weights.subarray(starts[document], starts[document + 1]))).toEqual(
              kept.map((term) => impactOf(term)),
            );
          }
        },
      ),
    );
  });

  it("leaves out terms of one document and of more than a tenth of all", () => {
    const strong = new StrongTerms(100, 4);
    add(strong, [[7, 200]]);
    add(
      strong,
      Array.from({ length: 11 }, (_, ordinal) => [ordinal, 200] as const),
    );
    add(
      strong,
      Array.from({ length: 10 }, (_, ordinal) => [ordinal, 200] as const),
    );
    const { starts, termLimit } = strong.rows();
    expect(termLimit).toBe(1);
    expect(starts[100]).toBe(10);
  });
});

/** What an answer claims of itself when not all lists were read must be true of the exact answer. */
import { describe, expect, it } from "vitest";
import { search } from "../../../../shared/query/search.ts";
import { randomOf } from "../../../support/random.ts";
import { buildIndex, keepAnswersQuick } from "./support.ts";
import { makeDocuments, makeQueries } from "./zipf.ts";

const TERMS = 300;

describe("a search with a budget", () => {
  const random = randomOf(21);
  const index = buildIndex(
    [120, 240, 30].map((count, place) => ({
      documents: makeDocuments(place + 1, count, TERMS, 31),
      tombstones: Array.from({ length: count }, (_, ordinal) => ordinal).filter(() => random() < 0.05),
      options: { inlineBytes: place === 2 ? 10 ** 6 : 0, largeListBytes: 20, postingPageBytes: 100 },
    })),
  );
  keepAnswersQuick(index.reader);

  it("tells the truth about proven hits and missed scores, on two thousand queries", async () => {
    let approximate = 0;
    let proven = 0;
    let wrongOrder = 0;
    let lies = 0;
    for (const [at, query] of makeQueries(22, 2000, TERMS).entries()) {
      const [k, offset] = [1 + (at % 10), at % 3];
      const all = await search(index.reader, index.manifest, query, { k: 400, offset: 0 });
      const budget = at % 2 === 0 ? { maxReads: at % 9 } : { maxBytes: (at % 40) * 50 };
      const part = await search(index.reader, index.manifest, query, { k, offset, ...budget });
      const key = (hit: { segmentId: string; ordinal: number }) => `${hit.segmentId} ${hit.ordinal}`;
      if (part.exact) {
        expect(part.certificate).toBeNull();
        expect(part.hits.map(key)).toEqual(all.hits.slice(offset, offset + k).map(key));
        continue;
      }
      approximate++;
      const { provenHits, maxMissedScore } = part.certificate!;
      const exactFirst = new Set(all.hits.slice(0, offset + k).map(key));
      for (const hit of part.hits.slice(0, provenHits)) if (!exactFirst.has(key(hit))) lies++;
      proven += provenHits;
      // Hits and those skipped before them are the candidates; every other document is bounded.
      const candidates = await search(index.reader, index.manifest, query, {
        k: offset + k,
        offset: 0,
        ...budget,
      });
      const among = new Set(candidates.hits.map(key));
      for (const hit of all.hits) {
        if (!among.has(key(hit)) && hit.score > maxMissedScore + 1e-9) lies++;
      }
      const exactScore = new Map(all.hits.map((hit) => [key(hit), hit.integerScore]));
      for (const hit of part.hits) if (hit.integerScore > exactScore.get(key(hit))!) lies++;
      if (
        part.hits.map(key).join() !==
        all.hits
          .slice(offset, offset + k)
          .map(key)
          .join()
      )
        wrongOrder++;
    }
    expect(lies).toBe(0);
    // The claims were put to the test: many answers were not exact, some of their hits proven, some answers wrong.
    expect(approximate).toBeGreaterThan(500);
    expect(proven).toBeGreaterThan(100);
    expect(wrongOrder).toBeGreaterThan(50);
  }, 60_000);

  it("reads no more posting pages than it may, the lists of the highest bounds first", async () => {
    for (const query of makeQueries(23, 100, TERMS)) {
      const roots = index.manifest.segments.length;
      for (const maxReads of [0, 1, 3]) {
        const { stats, hits } = await search(index.reader, index.manifest, query, {
          k: 1,
          offset: 0,
          maxReads,
        });
        const documentReads = hits.length;
        expect(stats.reads - roots - documentReads).toBeLessThanOrEqual(maxReads);
      }
    }
  });

  it("is exact when the budget suffices, and says so", async () => {
    for (const query of makeQueries(24, 50, TERMS)) {
      const options = { k: 10, offset: 0 };
      const free = await search(index.reader, index.manifest, query, options);
      const rich = await search(index.reader, index.manifest, query, {
        ...options,
        maxReads: 1000,
        maxBytes: 1e9,
      });
      expect({ ...rich, stats: null }).toEqual({ ...free, stats: null });
    }
  });
});

import { describe, expect, it } from "vitest";
import type { QueryVector } from "../../../../shared/query/query-vector.ts";
import { rankSegments } from "../../../../shared/query/rank.ts";
import { search } from "../../../../shared/query/search.ts";
import { ReaderSegmentSource } from "../../../../shared/query/segment-source.ts";
import { type SearchShard, type ShardHit, searchShards } from "../../../../shared/query/shards.ts";
import { buildIndex, keepAnswersQuick } from "./support.ts";
import { makeDocuments, makeQueries } from "./zipf.ts";

const TERMS = 200;

interface Hit extends ShardHit {
  readonly ordinal: number;
}

describe("searchShards", () => {
  const plans = Array.from({ length: 13 }, (_, place) => ({
    documents: makeDocuments(place + 50, 150, TERMS, 4),
    tombstones: [place],
    options: { inlineBytes: place % 2 === 0 ? 10 ** 6 : 0, largeListBytes: 20, postingPageBytes: 100 },
  }));
  const whole = buildIndex(plans);
  keepAnswersQuick(whole.reader);
  const parts = plans.map((plan) => {
    const part = buildIndex([plan]);
    keepAnswersQuick(part.reader);
    return part;
  });

  /** @param budgets maxReads of each shard; undefined: none */
  function shardsOf(query: QueryVector, budgets: readonly (number | undefined)[] = []) {
    const sent = { hits: 0 };
    const shards = parts.map(
      ({ reader, manifest }, place): SearchShard<Hit> =>
        async (wanted, minScore) => {
          const source = new ReaderSegmentSource(reader, manifest.index);
          const maxReads = budgets[place];
          const { candidates, unreadBound, nextScore } = await rankSegments(source, manifest, query, {
            wanted,
            minScore,
            ...(maxReads === undefined ? {} : { maxReads }),
          });
          sent.hits += candidates.length;
          const hits = candidates.map(({ ordinal, score }) => ({ ordinal, integerScore: score }));
          return { hits, unreadBound, nextScore };
        },
    );
    return { shards, sent };
  }

  const placesOf = (hits: readonly { segmentId: string; ordinal: number; integerScore: number }[]) =>
    hits.map(({ segmentId, ordinal, integerScore }) => [
      Number.parseInt(segmentId, 16),
      ordinal,
      integerScore,
    ]);

  it.each([1, 2, 6, 13])("equals one index of all documents, %i shards at once", async (atOnce) => {
    let sent = 0;
    let wanted = 0;
    for (const [at, query] of makeQueries(51, 60, TERMS).entries()) {
      const k = [1, 7, 10, 100][at % 4]!;
      const offset = [0, 2, 50][at % 3]!;
      const expected = await search(whole.reader, whole.manifest, query, { k, offset });
      const asked = shardsOf(query);
      const merged = await searchShards(asked.shards, { k, offset, atOnce });
      expect(merged.hits.map(({ shard, hit }) => [shard, hit.ordinal, hit.integerScore])).toEqual(
        placesOf(expected.hits),
      );
      expect(merged).toMatchObject({ exact: true, certificate: null });
      const all = shardsOf(query);
      await searchShards(all.shards, { k, offset, atOnce: parts.length });
      sent += asked.sent.hits;
      wanted += all.sent.hits;
    }
    // Later shards are told what matters, and leave the rest out.
    if (atOnce < 13) expect(sent).toBeLessThan(0.9 * wanted);
    else expect(sent).toBe(wanted);
  });

  it("tells the truth about proven hits and missed scores when shards have budgets, with a threshold or without", async () => {
    let lies = 0;
    let proven = 0;
    let approximate = 0;
    for (const [at, query] of makeQueries(52, 600, TERMS).entries()) {
      const [k, offset] = [1 + (at % 10), at % 3];
      const all = await search(whole.reader, whole.manifest, query, { k: 2000, offset: 0 });
      // Some shards read everything, so that exact and inexact ones meet.
      const budgets = plans.map((_, place) => ((at + place) % 4 === 0 ? undefined : (at + place) % 14));
      const merged = await searchShards(shardsOf(query, budgets).shards, {
        k,
        offset,
        atOnce: 1 + (at % 13),
      });
      const key = (shard: number, ordinal: number) => `${shard} ${ordinal}`;
      const exactKeys = placesOf(all.hits).map(([shard, ordinal]) => key(shard!, ordinal!));
      if (merged.certificate === null) {
        expect(merged.hits.map(({ shard, hit }) => key(shard, hit.ordinal))).toEqual(
          exactKeys.slice(offset, offset + k),
        );
        continue;
      }
      approximate++;
      const { provenHits, maxMissed } = merged.certificate;
      proven += provenHits;
      const best = new Set(exactKeys.slice(0, offset + k));
      for (const { shard, hit } of merged.hits.slice(0, provenHits)) {
        if (!best.has(key(shard, hit.ordinal))) lies++;
      }
      const candidates = await searchShards(shardsOf(query, budgets).shards, {
        k: offset + k,
        offset: 0,
        atOnce: 6,
      });
      const among = new Set(candidates.hits.map(({ shard, hit }) => key(shard, hit.ordinal)));
      for (const [place, { integerScore }] of all.hits.entries()) {
        if (!among.has(exactKeys[place]!) && integerScore > maxMissed) lies++;
      }
    }
    expect(lies).toBe(0);
    expect(approximate).toBeGreaterThan(300);
    expect(proven).toBeGreaterThan(100);
  });

  it("fails when a shard fails, and asks none of those that wait", async () => {
    let asked = 0;
    const fine: SearchShard<ShardHit> = async () => {
      asked++;
      return { hits: [], unreadBound: 0, nextScore: 0 };
    };
    const broken: SearchShard<ShardHit> = async () => {
      throw new Error("no answer");
    };
    await expect(searchShards([fine, broken, fine, fine], { k: 1, offset: 0, atOnce: 1 })).rejects.toThrow(
      "no answer",
    );
    expect(asked).toBe(1);
  });
});

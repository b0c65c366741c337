import { describe, expect, it } from "vitest";
import { search } from "../../../../shared/query/search.ts";
import { type SearchShard, type ShardHit, searchShards } from "../../../../shared/query/shards.ts";
import { buildIndex, keepAnswersQuick } from "./support.ts";
import { makeDocuments, makeQueries } from "./zipf.ts";

const TERMS = 200;

describe("searchShards", () => {
  const plans = Array.from({ length: 13 }, (_, place) => ({
    documents: makeDocuments(place + 50, 150, TERMS, 4),
    tombstones: [place],
  }));
  const whole = buildIndex(plans);
  keepAnswersQuick(whole.reader);
  const parts = plans.map((plan) => {
    const part = buildIndex([plan]);
    keepAnswersQuick(part.reader);
    return part;
  });

  it.each([1, 2, 6, 13])("equals one index of all documents, %i shards at once", async (atOnce) => {
    let left = 0;
    for (const query of makeQueries(51, 60, TERMS)) {
      const [k, offset] = [7, 2];
      const expected = await search(whole.reader, whole.manifest, query, { k, offset });
      const shards: SearchShard<ShardHit & { ordinal: number }>[] = parts.map(
        ({ reader, manifest }) =>
          async (wanted, minScore) => {
            const { hits } = await search(reader, manifest, query, { k: wanted, offset: 0, minScore });
            left += wanted - hits.length;
            return hits;
          },
      );
      const merged = await searchShards(shards, { k, offset, atOnce });
      expect(merged.map(({ shard, hit }) => [shard, hit.ordinal, hit.integerScore])).toEqual(
        expected.hits.map(({ segmentId, ordinal, integerScore }) => [
          Number.parseInt(segmentId, 16),
          ordinal,
          integerScore,
        ]),
      );
    }
    // Later shards are told what matters, and leave the rest out.
    if (atOnce < 13) expect(left).toBeGreaterThan(1000);
  });

  it("fails when a shard fails", async () => {
    const broken: SearchShard<ShardHit> = async () => {
      throw new Error("no answer");
    };
    await expect(searchShards([async () => [], broken], { k: 1, offset: 0, atOnce: 6 })).rejects.toThrow(
      "no answer",
    );
  });
});

/** The codecs and the search work inside workerd, and workerd writes the bytes that Node writes. */
import { describe, expect, it } from "vitest";
import { decodeManifest, encodeManifest } from "../../../shared/format/manifest.ts";
import { mergeSegments } from "../../../shared/format/merge-segments.ts";
import { decodeQueryTables, encodeQueryTables } from "../../../shared/format/query-tables.ts";
import { decodeSegmentRoot } from "../../../shared/format/segment-reader.ts";
import { search } from "../../../shared/query/search.ts";
import { pageKey } from "../../../shared/storage/keys.ts";
import expected from "../../fixtures/golden/v1/expected.json";
import {
  GOLDEN_IDF,
  GOLDEN_INDEX,
  GOLDEN_OPTIONAL_TOKENS,
  GOLDEN_QUERIES,
  GOLDEN_SEGMENTS,
  GOLDEN_VOCABULARY,
  goldenManifest,
} from "../../support/golden-content.ts";

const tables = encodeQueryTables({
  vocabulary: new TextEncoder().encode(`${GOLDEN_VOCABULARY.join("\n")}\n`),
  idf: GOLDEN_IDF,
  optionalTokens: GOLDEN_OPTIONAL_TOKENS,
});

describe("the codecs in workerd", () => {
  it("give query tables of the fingerprint that Node gives", () => {
    expect(tables.fingerprint).toBe(expected.tables);
    expect(decodeQueryTables(tables.value, tables.fingerprint, "key").idf).toEqual(GOLDEN_IDF);
  });

  it("answer the golden queries as in Node, from a manifest and pages", async () => {
    const written = goldenManifest(tables.fingerprint);
    const manifest = decodeManifest(encodeManifest(written), GOLDEN_INDEX, "key");
    expect(manifest).toEqual(written);
    const values = new Map<string, Uint8Array>();
    for (const { encode } of GOLDEN_SEGMENTS) {
      const { segmentId, pages } = encode();
      pages.forEach((value, page) => {
        values.set(pageKey(GOLDEN_INDEX, segmentId, page), value);
      });
    }
    const reader = { read: async (key: string) => values.get(key) ?? null };
    for (const [at, query] of GOLDEN_QUERIES.entries()) {
      const { hits } = await search(reader, manifest, query, { k: 5, offset: 0 });
      expect(
        hits.map(({ segmentId, ordinal, integerScore, score, document }) => ({
          segmentId,
          ordinal,
          integerScore,
          score,
          id: document.id,
        })),
      ).toEqual(expected.results[at]);
    }
  });

  it("merge segments", () => {
    const inputs = GOLDEN_SEGMENTS.map(({ encode, tombstones }) => {
      const { segmentId, pages } = encode();
      return { root: decodeSegmentRoot(pages[0]!, segmentId, `i/${segmentId}/0`), pages, tombstones };
    });
    const { segment, documents } = mergeSegments("1".repeat(32), inputs);
    expect(segment.documents).toBe(300);
    expect(documents).toHaveLength(300);
  });
});

/** The committed index of format version 1 stays readable, and writing it again gives the same bytes. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { decodeManifest, encodeManifest } from "../../../../shared/format/manifest.ts";
import { decodeQueryTables, encodeQueryTables } from "../../../../shared/format/query-tables.ts";
import { search } from "../../../../shared/query/search.ts";
import { pageKey } from "../../../../shared/storage/keys.ts";
import {
  GOLDEN_IDF,
  GOLDEN_INDEX,
  GOLDEN_OPTIONAL_TOKENS,
  GOLDEN_QUERIES,
  GOLDEN_SEGMENTS,
  GOLDEN_VOCABULARY,
  goldenManifest,
} from "../../../support/golden-content.ts";
import { dumpSegment, expectedDump, openSegment } from "./support.ts";

const FOLDER = fileURLToPath(new URL("../../../fixtures/golden/v1", import.meta.url));

interface Expected {
  readonly tables: string;
  readonly results: {
    segmentId: string;
    ordinal: number;
    integerScore: number;
    score: number;
    id: string;
  }[][];
}

const expected: Expected = JSON.parse(readFileSync(`${FOLDER}/expected.json`, "utf8"));
const files = readdirSync(FOLDER).sort();

function stored(file: string): Uint8Array {
  return new Uint8Array(readFileSync(`${FOLDER}/${file}`));
}

describe("the golden index of format version 1", () => {
  it.each(GOLDEN_SEGMENTS)(
    "has a segment '$file' with its postings and documents",
    ({ file, documents, encode }) => {
      const encoded = encode();
      const pages = encoded.pages.map((_, page) => stored(`${file}-${page}.bin`));
      expect(files.filter((name) => name.startsWith(`${file}-`))).toHaveLength(pages.length);
      expect(dumpSegment(openSegment({ ...encoded, pages }))).toEqual(expectedDump(documents));
      expect(encoded.pages).toEqual(pages);
    },
  );

  it("has a manifest", () => {
    const manifest = decodeManifest(stored("manifest.bin"), GOLDEN_INDEX, "golden/manifest");
    expect(manifest).toEqual(goldenManifest(expected.tables));
    expect(encodeManifest(manifest)).toEqual(stored("manifest.bin"));
  });

  it("has query tables", () => {
    const tables = decodeQueryTables(stored("tables.bin"), expected.tables, "_tables/golden");
    expect(new TextDecoder().decode(tables.vocabulary)).toBe(`${GOLDEN_VOCABULARY.join("\n")}\n`);
    expect(tables.idf).toEqual(GOLDEN_IDF);
    expect(tables.optionalTokens).toEqual(GOLDEN_OPTIONAL_TOKENS);
    expect(encodeQueryTables(tables)).toEqual({ fingerprint: expected.tables, value: stored("tables.bin") });
  });

  it("answers queries as it did", async () => {
    const manifest = decodeManifest(stored("manifest.bin"), GOLDEN_INDEX, "golden/manifest");
    const names = new Map<string, string>();
    GOLDEN_SEGMENTS.forEach(({ file, encode }) => {
      const { segmentId, pages } = encode();
      pages.forEach((_, page) => {
        names.set(pageKey(GOLDEN_INDEX, segmentId, page), `${file}-${page}.bin`);
      });
    });
    const reader = { read: async (key: string) => stored(names.get(key) ?? key) };
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
});

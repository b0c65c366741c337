/** The committed indexes of all format versions stay readable; writing that of the present one gives the same bytes. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openWasmKernel } from "../../../../batch/query/wasm-kernel.ts";
import { decodeManifest, encodeManifest, type Manifest } from "../../../../shared/format/manifest.ts";
import { mergeSegments } from "../../../../shared/format/merge-segments.ts";
import { FORMAT_VERSION, pageVersion } from "../../../../shared/format/page.ts";
import { decodeQueryTables, encodeQueryTables } from "../../../../shared/format/query-tables.ts";
import { decodeSegmentRoot } from "../../../../shared/format/segment-reader.ts";
import { exhaustive } from "../../../../shared/query/exhaustive.ts";
import { search } from "../../../../shared/query/search.ts";
import { createWindowed } from "../../../../shared/query/windowed.ts";
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

describe.each([1, 2])("the golden index of format version %i", (version) => {
  const folder = fileURLToPath(new URL(`../../../fixtures/golden/v${version}`, import.meta.url));
  const expected: Expected = JSON.parse(readFileSync(`${folder}/expected.json`, "utf8"));
  const files = readdirSync(folder);
  const stored = (file: string) => new Uint8Array(readFileSync(`${folder}/${file}`));
  const storedManifest = () => decodeManifest(stored("manifest.bin"), GOLDEN_INDEX, "golden/manifest");
  const segmentIn = (manifest: Manifest, segmentId: string) =>
    manifest.segments.find((segment) => segment.segmentId === segmentId)!;

  it("says its version in every value", () => {
    for (const file of files.filter((name) => name.endsWith(".bin"))) {
      expect(pageVersion(stored(file))).toBe(version);
    }
  });

  it.each(GOLDEN_SEGMENTS)(
    "has a segment '$file' with its postings and documents",
    ({ file, documents, encode }) => {
      const encoded = encode();
      const names = files.filter((name) => name.startsWith(`${file}-`));
      const pages = names.map((_, page) => stored(`${file}-${page}.bin`));
      expect(segmentIn(storedManifest(), encoded.segmentId).pages).toBe(pages.length);
      expect(dumpSegment(openSegment({ ...encoded, pages }))).toEqual(expectedDump(documents));
      if (version === FORMAT_VERSION) expect(encoded.pages).toEqual(pages);
    },
  );

  it("becomes a segment of the present version in a merge", () => {
    const manifest = storedManifest();
    const inputs = GOLDEN_SEGMENTS.map(({ file, encode }) => {
      const { segmentId } = encode();
      const { pages: count, tombstones } = segmentIn(manifest, segmentId);
      const pages = Array.from({ length: count }, (_, page) => stored(`${file}-${page}.bin`));
      const root = decodeSegmentRoot(pages[0]!, segmentId, pageKey(GOLDEN_INDEX, segmentId, 0));
      expect(root.formatVersion).toBe(version);
      return { root, pages, tombstones };
    });
    const { segment } = mergeSegments("9".repeat(32), inputs);
    for (const page of segment.pages) expect(pageVersion(page)).toBe(FORMAT_VERSION);
    const survivors = GOLDEN_SEGMENTS.flatMap(({ documents, tombstones }) =>
      documents.filter((_, ordinal) => !tombstones.includes(ordinal)),
    );
    expect(dumpSegment(openSegment(segment))).toEqual(expectedDump(survivors));
  });

  it("has a manifest", () => {
    const manifest = storedManifest();
    const { segments, ...rest } = goldenManifest(expected.tables);
    expect(manifest).toMatchObject(rest);
    for (const { segmentId, documents, tombstones } of segments) {
      expect(segmentIn(manifest, segmentId)).toMatchObject({ documents, tombstones });
    }
    if (version !== FORMAT_VERSION) return;
    expect(manifest.segments).toEqual(segments);
    expect(encodeManifest(manifest)).toEqual(stored("manifest.bin"));
  });

  it("has query tables", () => {
    const tables = decodeQueryTables(stored("tables.bin"), expected.tables, "_tables/golden");
    expect(new TextDecoder().decode(tables.vocabulary)).toBe(`${GOLDEN_VOCABULARY.join("\n")}\n`);
    expect(tables.idf).toEqual(GOLDEN_IDF);
    expect(tables.optionalTokens).toEqual(GOLDEN_OPTIONAL_TOKENS);
    // The fingerprint is of the payload, which is the same in both versions.
    const encoded = encodeQueryTables(tables);
    expect(encoded.fingerprint).toBe(expected.tables);
    if (version === FORMAT_VERSION) expect(encoded.value).toEqual(stored("tables.bin"));
  });

  it.each([exhaustive, createWindowed(), createWindowed(openWasmKernel())])(
    "answers queries as it did: $name",
    async (algorithm) => {
      const names = new Map<string, string>();
      GOLDEN_SEGMENTS.forEach(({ file, encode }) => {
        const { segmentId } = encode();
        files.forEach((name) => {
          const page = name.match(`^${file}-(\\d+)`)?.[1];
          if (page !== undefined) names.set(pageKey(GOLDEN_INDEX, segmentId, Number(page)), name);
        });
      });
      const reader = { read: async (key: string) => stored(names.get(key) ?? key) };
      for (const [at, query] of GOLDEN_QUERIES.entries()) {
        const { hits } = await search(reader, storedManifest(), query, { k: 5, offset: 0, algorithm });
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
    },
  );
});

/**
 * Writes the golden index of the present format version. Its files are committed and must stay readable for ever: run
 * this only to make the golden index of a new format version, never to make a failing test pass.
 *
 *     npx esbuild test/support/make-golden.ts --bundle --platform=node --format=esm --outfile=.cache/make-golden.mjs
 *     node .cache/make-golden.mjs test/fixtures/golden/v2
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { encodeManifest } from "../../shared/format/manifest.ts";
import { encodeQueryTables } from "../../shared/format/query-tables.ts";
import { search } from "../../shared/query/search.ts";
import { pageKey } from "../../shared/storage/keys.ts";
import {
  GOLDEN_IDF,
  GOLDEN_INDEX,
  GOLDEN_OPTIONAL_TOKENS,
  GOLDEN_QUERIES,
  GOLDEN_SEGMENTS,
  GOLDEN_VOCABULARY,
  goldenManifest,
} from "./golden-content.ts";

const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: make-golden FOLDER");
mkdirSync(folder, { recursive: true });

const tables = encodeQueryTables({
  vocabulary: new TextEncoder().encode(`${GOLDEN_VOCABULARY.join("\n")}\n`),
  idf: GOLDEN_IDF,
  optionalTokens: GOLDEN_OPTIONAL_TOKENS,
});
writeFileSync(`${folder}/tables.bin`, tables.value);
const manifest = goldenManifest(tables.fingerprint);
writeFileSync(`${folder}/manifest.bin`, encodeManifest(manifest));

const values = new Map<string, Uint8Array>();
for (const { file, encode } of GOLDEN_SEGMENTS) {
  const segment = encode();
  segment.pages.forEach((value, page) => {
    values.set(pageKey(GOLDEN_INDEX, segment.segmentId, page), value);
    writeFileSync(`${folder}/${file}-${page}.bin`, value);
  });
}

const reader = { read: async (key: string) => values.get(key) ?? null };
const results = await Promise.all(
  GOLDEN_QUERIES.map(async (query) => {
    const { hits } = await search(reader, manifest, query, { k: 5, offset: 0 });
    return hits.map(({ segmentId, ordinal, integerScore, score, document }) => ({
      segmentId,
      ordinal,
      integerScore,
      score,
      id: document.id,
    }));
  }),
);
writeFileSync(
  `${folder}/expected.json`,
  `${JSON.stringify({ tables: tables.fingerprint, results }, null, 2)}\n`,
);

/**
 * A small index as KV holds it, and one answer that reads all of it: manifest, query tables, every posting list and every
 * document. For tests that damage a value and ask what becomes of the answer. It knows the format only by its public
 * functions, so that it serves every version of it.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeManifest, encodeManifest } from "../../shared/format/manifest.ts";
import { PAGE_KIND } from "../../shared/format/page.ts";
import { decodeQueryTables, encodeQueryTables } from "../../shared/format/query-tables.ts";
import {
  encodeSegment,
  type SegmentDocument,
  type SegmentOptions,
} from "../../shared/format/segment-writer.ts";
import type { QueryVector } from "../../shared/query/query-vector.ts";
import { search } from "../../shared/query/search.ts";
import { manifestKey, pageKey, tablesKey } from "../../shared/storage/keys.ts";
import type { PageReader } from "../../shared/storage/page-store.ts";
import { GOLDEN_INDEX } from "./golden-content.ts";

const GOLDEN = fileURLToPath(new URL("../fixtures/golden", import.meta.url));
const KIND_OFFSET = 5;

export interface StoredIndex {
  readonly name: string;
  readonly index: string;
  readonly values: ReadonlyMap<string, Uint8Array>;
  /** Has every term of the index. */
  readonly query: QueryVector;
  /** Hits that suffice to read a document of each page. */
  readonly k: number;
}

/** What kind of page a value is, in words. */
export function kindOf(value: Uint8Array): string {
  const kind = Object.entries(PAGE_KIND).find(([, code]) => code === value[KIND_OFFSET]);
  return kind?.[0] ?? "unknown";
}

/** Everything that a reader may be told of an index, as plain text to compare. @throws what a reader meets */
export async function readAnswer(stored: StoredIndex, reader: PageReader): Promise<string> {
  const { index, query, k } = stored;
  const key = manifestKey(index);
  const manifest = decodeManifest((await reader.read(key))!, index, key);
  const tables = tablesKey(manifest.model!.tables);
  const { vocabulary, idf, optionalTokens } = decodeQueryTables(
    (await reader.read(tables))!,
    manifest.model!.tables,
    tables,
  );
  const { hits } = await search(reader, manifest, query, { k, offset: 0 });
  const answer = [manifest, [...vocabulary], [...idf], [...optionalTokens], hits];
  return JSON.stringify(answer, (_, value) =>
    ArrayBuffer.isView(value) ? Array.from(value as Uint8Array) : value,
  );
}

export function readerOf(values: ReadonlyMap<string, Uint8Array>): PageReader {
  return { read: async (key) => values.get(key) ?? null };
}

function queryOf(termIds: Iterable<number>): QueryVector {
  const ids = Uint32Array.from([...new Set(termIds)].sort((left, right) => left - right));
  return { termIds: ids, weights: new Uint32Array(ids.length).fill(256), tokens: ids.length, unknown: 0 };
}

const TERMS = 40;

function makeDocuments(count: number, name: string): SegmentDocument[] {
  return Array.from({ length: count }, (_, ordinal) => {
    const termIds = Uint32Array.from({ length: TERMS }, (_, term) => 5 + term).filter(
      (term) => term === 5 || (ordinal * 7 + term * 3) % 5 === 0,
    );
    return {
      id: `${name}-${ordinal}`,
      version: 1 + ordinal,
      fields: {
        title: ordinal % 2 === 0 ? `title ${ordinal}` : null,
        text: `text ${ordinal}`,
        url: null,
        metadata: null,
      },
      termIds,
      impacts: Uint8Array.from(termIds, (term) => 1 + ((ordinal * term) % 255)),
      ownTermIds: termIds.slice(0, 2),
    };
  });
}

/** An index as it is written now: a segment of several small pages and one of a single page. */
export function writeStoredIndex(): StoredIndex {
  const index = "damaged";
  const values = new Map<string, Uint8Array>();
  const segments = (
    [
      [
        "a".repeat(32),
        makeDocuments(90, "several"),
        { inlineBytes: 0, postingPageBytes: 300, documentPageBytes: 600 },
      ],
      ["b".repeat(32), makeDocuments(9, "single"), {}],
    ] as [string, SegmentDocument[], SegmentOptions][]
  ).map(([segmentId, documents, options]) => {
    const { pages, sizeBytes, checksum } = encodeSegment(segmentId, documents, options);
    pages.forEach((value, page) => {
      values.set(pageKey(index, segmentId, page), value);
    });
    const tombstones = Uint32Array.of(1, 4);
    return { segmentId, pages: pages.length, documents: documents.length, sizeBytes, checksum, tombstones };
  });
  const pieces = Array.from({ length: 5 + TERMS }, (_, id) => `word${id}`);
  const tables = encodeQueryTables({
    vocabulary: new TextEncoder().encode(`${pieces.join("\n")}\n`),
    idf: Float32Array.from(pieces, (_, id) => 1 + id / 8),
    optionalTokens: new Uint8Array(Math.ceil(pieces.length / 8)),
  });
  values.set(tablesKey(tables.fingerprint), tables.value);
  const manifest = encodeManifest({
    index,
    generation: 3,
    createdAtMs: 1_763_884_800_000,
    settings: {
      encoder: "onnx",
      versions: "sequence",
      encodedFields: ["text"],
      idf: "model",
      averageLength: null,
    },
    model: {
      fingerprint: "c".repeat(32),
      tables: tables.fingerprint,
      maxWeight: 3,
      impactBits: 8,
      averageLength: null,
    },
    segments,
  });
  values.set(manifestKey(index), manifest);
  const termIds = Array.from({ length: TERMS }, (_, term) => 5 + term);
  return { name: "as written now", index, values, query: queryOf(termIds), k: 99 };
}

/** The committed indexes of every format version. */
export function listGoldenIndexes(): StoredIndex[] {
  return readdirSync(GOLDEN)
    .filter((version) => existsSync(join(GOLDEN, version, "manifest.bin")))
    .sort()
    .map(readGoldenIndex);
}

function readGoldenIndex(version: string): StoredIndex {
  const folder = join(GOLDEN, version);
  const values = new Map<string, Uint8Array>();
  for (const file of readdirSync(folder)) {
    if (!file.endsWith(".bin")) continue;
    const value = new Uint8Array(readFileSync(join(folder, file)));
    // Every header states whose page it is: the index's name is the only thing to add.
    const owner = Buffer.from(value.subarray(8, 24)).toString("hex");
    const page = Buffer.from(value).readUInt32LE(24);
    if (file === "manifest.bin") values.set(manifestKey(GOLDEN_INDEX), value);
    else if (file === "tables.bin") values.set(tablesKey(owner), value);
    else values.set(pageKey(GOLDEN_INDEX, owner, page), value);
  }
  const termIds = [5, 6, 7, 8, 9];
  for (let term = 0; term < 7; term++) termIds.push(100 + term);
  for (let term = 0; term < 40; term++) termIds.push(200 + term);
  for (let term = 0; term < 300; term += 10) termIds.push(20_000 + term);
  return { name: `golden ${version}`, index: GOLDEN_INDEX, values, query: queryOf(termIds), k: 60 };
}

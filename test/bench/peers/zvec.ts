/** Zvec (npm `@zvec/zvec`, native): a sparse vector field, exact (flat) or by a graph (HNSW), inner product. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BenchCollection, peersFolder } from "../collections/read-collection.ts";
import { K, type SearchEngine } from "./engine.ts";
import { importPeer, peerVersion } from "./peer-packages.ts";

export type ZvecKind = "flat" | "hnsw";

type SparseVector = Readonly<Record<string, number>>;

interface ZvecCollection {
  insertSync(
    documents: readonly { id: string; vectors: { sparse: SparseVector } }[],
  ): readonly { ok: boolean }[];
  optimizeSync(options: object): void;
  querySync(query: object): readonly { readonly id: string }[];
  closeSync(): void;
}

interface ZvecModule {
  readonly ZVecDataType: Readonly<Record<string, number>>;
  readonly ZVecIndexType: Readonly<Record<string, number>>;
  readonly ZVecMetricType: Readonly<Record<string, number>>;
  readonly ZVecCollectionSchema: new (options: object) => object;
  ZVecInitialize(options: object): void;
  ZVecCreateAndOpen(path: string, schema: object): ZvecCollection;
  ZVecOpen(path: string): ZvecCollection;
}

const INSERT_DOCUMENTS = 1000;
/** Of the graph, as its documentation sets them by default: neighbours, and candidates while building and searching. */
const HNSW_BUILD = { m: 50, efConstruction: 500 };
const EF_SEARCH = 300;

export async function openZvec(collection: BenchCollection, kind: ZvecKind): Promise<SearchEngine> {
  const { default: zvec } = await importPeer<{ readonly default: ZvecModule }>("@zvec/zvec");
  const { ZVecIndexType } = zvec;
  zvec.ZVecInitialize({ queryThreads: 1, optimizeThreads: 1, logLevel: 3 });
  const folder = join(peersFolder(collection.folder, collection.meta), "zvec");
  const path = join(folder, kind);
  const secondsFile = join(folder, `${kind}.seconds`);
  const isBuilt = existsSync(secondsFile);
  let buildSeconds: number | null;
  let index: ZvecCollection;
  if (isBuilt) {
    index = zvec.ZVecOpen(path);
    const seconds = readFileSync(secondsFile, "utf8").trim();
    buildSeconds = seconds === "" ? null : Number(seconds);
  } else {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const startedMicros = processorMicros();
    index = build(zvec, path, collection, kind);
    buildSeconds = (processorMicros() - startedMicros) / 1e6;
    writeFileSync(secondsFile, String(buildSeconds));
  }
  const params = kind === "hnsw" ? { params: { indexType: ZVecIndexType.HNSW, ef: EF_SEARCH } } : undefined;
  return {
    engine: `Zvec, ${kind}`,
    version: peerVersion("@zvec/zvec"),
    settings:
      kind === "hnsw"
        ? `m ${HNSW_BUILD.m}, ef ${HNSW_BUILD.efConstruction} to build, ${EF_SEARCH} to search`
        : "exhaustive, float32",
    isSameScore: true,
    buildSeconds,
    bytes: sizeOf(path),
    search: ({ terms, weights }) => {
      const vector: Record<number, number> = {};
      for (let at = 0; at < terms.length; at++) vector[terms[at]!] = weights[at]!;
      const hits = index.querySync({ fieldName: "sparse", vector, topk: K, outputFields: [], ...params });
      return hits.map(({ id }) => Number(id));
    },
    close: () => index.closeSync(),
  };
}

function build(zvec: ZvecModule, path: string, collection: BenchCollection, kind: ZvecKind): ZvecCollection {
  const { ZVecDataType, ZVecIndexType, ZVecMetricType } = zvec;
  const indexParams =
    kind === "hnsw"
      ? { indexType: ZVecIndexType.HNSW, metricType: ZVecMetricType.IP, ...HNSW_BUILD }
      : { indexType: ZVecIndexType.FLAT, metricType: ZVecMetricType.IP };
  const schema = new zvec.ZVecCollectionSchema({
    name: "bench",
    vectors: { name: "sparse", dataType: ZVecDataType.SPARSE_VECTOR_FP32, indexParams },
  });
  const index = zvec.ZVecCreateAndOpen(path, schema);
  const { vectors, impacts } = collection;
  const rows = vectors.indptr.length - 1;
  for (let from = 0; from < rows; from += INSERT_DOCUMENTS) {
    const batch = [];
    for (let row = from; row < Math.min(rows, from + INSERT_DOCUMENTS); row++) {
      const sparse: Record<number, number> = {};
      for (let at = vectors.indptr[row]!; at < vectors.indptr[row + 1]!; at++) {
        sparse[vectors.terms[at]!] = impacts[at]!;
      }
      batch.push({ id: String(row), vectors: { sparse } });
    }
    const failed = index.insertSync(batch).find(({ ok }) => !ok);
    if (failed !== undefined) throw new Error(`zvec refused a document: ${JSON.stringify(failed)}`);
  }
  index.optimizeSync({ concurrency: 1 });
  return index;
}

/** Of all threads: the native side has its own. */
function processorMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((file) => statSync(join(folder, file)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
}

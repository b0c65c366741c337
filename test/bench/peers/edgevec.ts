/** EdgeVec (npm `edgevec`, WASM): its sparse storage, which holds an inverted index. */
import { readFileSync } from "node:fs";
import type { BenchCollection } from "../collections/read-collection.ts";
import { K, type SearchEngine } from "./engine.ts";
import { importPeer, peerFile, peerVersion } from "./peer-packages.ts";

interface EdgeVecModule {
  initSync(options: { readonly module: Uint8Array }): { readonly memory: { readonly buffer: ArrayBuffer } };
  readonly EdgeVecConfig: new (dimensions: number) => object;
  readonly EdgeVec: new (
    config: object,
  ) => {
    initSparseStorage(): void;
    insertSparse(indices: Uint32Array, values: Float32Array, dimensions: number): number;
    searchSparse(indices: Uint32Array, values: Float32Array, dimensions: number, k: number): string;
  };
}

export async function openEdgeVec(collection: BenchCollection): Promise<SearchEngine> {
  const { initSync, EdgeVec, EdgeVecConfig } = await importPeer<EdgeVecModule>("edgevec");
  const { memory } = initSync({ module: readFileSync(peerFile("edgevec", "edgevec_bg.wasm")) });
  const { vectors, impacts, meta } = collection;
  // Dense vectors are not used; the constructor wants their size.
  const index = new EdgeVec(new EdgeVecConfig(4));
  index.initSparseStorage();
  const ordinalOf: number[] = [];
  const startedMs = performance.now();
  for (let row = 0; row + 1 < vectors.indptr.length; row++) {
    const [from, to] = [vectors.indptr[row]!, vectors.indptr[row + 1]!];
    if (from === to) continue;
    const terms = Uint32Array.from(vectors.terms.subarray(from, to));
    const values = Float32Array.from(impacts.subarray(from, to));
    ordinalOf[index.insertSparse(terms, values, meta.vocabularySize)] = row;
  }
  const buildSeconds = (performance.now() - startedMs) / 1000;
  return {
    engine: "EdgeVec",
    version: peerVersion("edgevec"),
    settings: "sparse storage; bytes are those of its WASM memory",
    isSameScore: true,
    buildSeconds,
    bytes: memory.buffer.byteLength,
    search: ({ terms, weights }) => {
      const answer = index.searchSparse(
        Uint32Array.from(terms),
        Float32Array.from(weights),
        meta.vocabularySize,
        K,
      );
      return (JSON.parse(answer) as { id: number }[]).map(({ id }) => ordinalOf[id]!);
    },
  };
}

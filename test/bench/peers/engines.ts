/** The engines that run in a process of Node, by name. In: a name and a collection. Out: the engine, built or read. */
import type { BenchCollection } from "../collections/read-collection.ts";
import { openEdgeVec } from "./edgevec.ts";
import type { SearchEngine } from "./engine.ts";
import { openFortyLines } from "./forty-lines.ts";
import { openLzero } from "./lzero.ts";
import { openMiniSearch } from "./minisearch.ts";
import { openZvec } from "./zvec.ts";

const ENGINES: Readonly<
  Record<string, (collection: BenchCollection) => SearchEngine | Promise<SearchEngine>>
> = {
  "forty-lines": openFortyLines,
  "lzero-8": (collection) => openLzero(collection, 8),
  "lzero-5": (collection) => openLzero(collection, 5),
  edgevec: openEdgeVec,
  "zvec-flat": (collection) => openZvec(collection, "flat"),
  "zvec-hnsw": (collection) => openZvec(collection, "hnsw"),
  minisearch: openMiniSearch,
};

export async function openEngine(name: string, collection: BenchCollection): Promise<SearchEngine> {
  const open = ENGINES[name];
  if (open === undefined) throw new Error(`no engine "${name}": ${Object.keys(ENGINES).join(", ")}`);
  return open(collection);
}

/** MiniSearch over a collection's texts: BM25+, any of the query's words, its defaults but for the stop words. */

import type { BenchCollection } from "../collections/read-collection.ts";
import { readDocuments } from "../collections/read-collection.ts";
import { K, type SearchEngine } from "./engine.ts";
import { importPeer, peerVersion } from "./peer-packages.ts";
import { LUCENE_STOP_WORDS } from "./stop-words.ts";

interface MiniSearchModule {
  readonly default: new (
    options: object,
  ) => {
    addAll(documents: readonly object[]): void;
    search(query: string): readonly { readonly id: number }[];
  };
}

export async function openMiniSearch(collection: BenchCollection): Promise<SearchEngine> {
  const { default: MiniSearch } = await importPeer<MiniSearchModule>("minisearch");
  const index = new MiniSearch({
    fields: ["text"],
    processTerm: (term: string) => {
      const word = term.toLowerCase();
      return LUCENE_STOP_WORDS.has(word) ? null : word;
    },
  });
  const texts = readDocuments(collection.folder).map(({ text }, id) => ({ id, text }));
  const heapBefore = process.memoryUsage().heapUsed;
  const startedMs = performance.now();
  index.addAll(texts);
  const buildSeconds = (performance.now() - startedMs) / 1000;
  return {
    engine: "MiniSearch",
    version: peerVersion("minisearch"),
    settings: "BM25+, any word, stop words out; bytes are those of the heap",
    isSameScore: false,
    buildSeconds,
    bytes: process.memoryUsage().heapUsed - heapBefore,
    search: ({ text }) =>
      index
        .search(text)
        .slice(0, K)
        .map(({ id }) => id),
  };
}

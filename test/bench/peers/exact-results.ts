/** The exact hits of a collection's queries: made once by the forty lines, kept beside its files, read by all peers. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { QUERY_SETS, type QuerySet } from "../collections/query-sets.ts";
import { collectionFolder, openCollection, readMeta, readQueries } from "../collections/read-collection.ts";
import { K } from "./engine.ts";
import { type ScoredHits, searchExhaustively } from "./forty-lines.ts";
import { invert } from "./inverted-lists.ts";

export function exactFile(set: QuerySet): string {
  return `exact-${set}.jsonl`;
}

/** Makes the files where they are not there or older than the collection. */
export function ensureExactResults(name: string): void {
  readMeta(name);
  const folder = collectionFolder(name);
  const madeMs = statSync(join(folder, "meta.json")).mtimeMs;
  const isFresh = (set: QuerySet) => {
    const path = join(folder, exactFile(set));
    return existsSync(path) && statSync(path).mtimeMs >= madeMs;
  };
  if (QUERY_SETS.every(isFresh)) return;
  const lists = invert(openCollection(name));
  const accumulators = new Int32Array(lists.documents);
  for (const set of QUERY_SETS) {
    const lines = readQueries(name, set).map((query) =>
      JSON.stringify(searchExhaustively(lists, query, accumulators, K)),
    );
    writeFileSync(join(folder, exactFile(set)), `${lines.join("\n")}\n`);
  }
}

/** In the order of the queries. */
export function readExactResults(name: string, set: QuerySet): ScoredHits[] {
  const text = readFileSync(join(collectionFolder(name), exactFile(set)), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as ScoredHits);
}

/** The answer that a search of a generation must give, computed the plain way: every document, every word. */
import { decodeQueryTables } from "../../shared/format/query-tables.ts";
import { tablesKey } from "../../shared/storage/keys.ts";
import { countWords, MAX_WEIGHT, wordWeight } from "./model.ts";
import type { SimulatedKv } from "./simulated-kv.ts";
import type { GenerationTruth, LiveDocument } from "./truth.ts";

const MAX_IMPACT = 255;
const QUERY_SCALE = 256;

export interface ExpectedHit {
  readonly document: LiveDocument;
  readonly score: number;
}

/** Ranks by score, then by the segment's place, then by ordinal. */
export function searchByBruteForce(
  { documents, tables }: GenerationTruth,
  kv: SimulatedKv,
  query: string,
  k: number,
): ExpectedHit[] {
  if (tables === null) return [];
  const key = tablesKey(tables);
  const { idf } = decodeQueryTables(kv.latest(key)!, tables, key);
  const weights = [...countWords(query).keys()].map(
    (token) => [token, Math.round(QUERY_SCALE * idf[token]!)] as const,
  );
  const hits: ExpectedHit[] = [];
  for (const document of documents) {
    const counts = countWords(document.title);
    let sum = 0;
    for (const [token, weight] of weights) {
      const count = counts.get(token);
      if (count !== undefined) sum += weight * Math.round((wordWeight(count) / MAX_WEIGHT) * MAX_IMPACT);
    }
    if (sum > 0) hits.push({ document, score: sum * (MAX_WEIGHT / (MAX_IMPACT * QUERY_SCALE)) });
  }
  return hits.sort((a, b) => b.score - a.score).slice(0, k);
}

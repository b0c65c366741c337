/**
 * Relevance of rankings on the judged collections: real vectors of the collection, its test queries as production weighs
 * them, exhaustive scores. In: impacts and which of a query's lists count. Out: NDCG@10, through batch/eval's metrics.
 */
import { loadModelFiles } from "../../../batch/encoders/model-files.ts";
import { resolveModelFolder } from "../../../batch/encoders/open-encoder.ts";
import { readJudgements } from "../../../batch/eval/beir.ts";
import { evaluateRun } from "../../../batch/eval/metrics.ts";
import { idfTable } from "../../../shared/model/idf.ts";
import { encodeQuery, optionalBelow } from "../../../shared/query/query-vector.ts";
import { Vocabulary } from "../../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../../shared/text/word-piece.ts";
import { sharedPath } from "../../support/shared-data.ts";
import { type BenchCollection, openCollection, readDocuments } from "../collections/read-collection.ts";
import { countByTerm } from "../collections/statistics.ts";
import { type InvertedLists, invert } from "../peers/inverted-lists.ts";
import { exactHits } from "./lab.ts";

export const JUDGED = ["scifact", "cranfield"] as const;

export interface JudgedQuery {
  readonly id: string;
  readonly terms: readonly number[];
  readonly weights: readonly number[];
}

export interface JudgedCollection {
  readonly name: string;
  readonly collection: BenchCollection;
  readonly queries: readonly JudgedQuery[];
  /** @param choose the part of a query that is scored @default all of it */
  ndcg(impacts: Uint8Array, choose?: (query: JudgedQuery, lists: InvertedLists) => JudgedQuery): number;
}

export async function openJudged(name: (typeof JUDGED)[number]): Promise<JudgedCollection> {
  const collection = openCollection(name);
  const { meta, own } = collection;
  const model = await loadModelFiles(resolveModelFolder(meta.model.name));
  const { queries: texts, qrels } = await readJudgements(sharedPath("data", name), "test");
  const tokenizer = new WordPieceTokenizer(Vocabulary.parse(model.vocabulary));
  const frequencies = {
    documents: meta.documents,
    textFrequencies: countByTerm(own.terms, meta.vocabularySize),
  };
  const weights = {
    idf: idfTable("blend", model.idf, frequencies),
    optionalTokens: optionalBelow(model.idf, model.manifest.identity.queryIdfFloor),
  };
  const queries = texts.map(({ id, text }) => {
    const vector = encodeQuery(text, tokenizer, weights);
    return { id, terms: [...vector.termIds], weights: [...vector.weights] };
  });
  const ids = readDocuments(name).map(({ id }) => id);
  return {
    name,
    collection,
    queries,
    ndcg: (impacts, choose = (query) => query) => {
      const lists = invert({ ...collection, impacts });
      const run = new Map(
        queries.map((query) => {
          const { hits } = exactHits(lists, { text: "", ...choose(query, lists) });
          return [query.id, hits.map((hit) => ids[hit]!)];
        }),
      );
      return evaluateRun(qrels, run)["ndcg@10"];
    },
  };
}

/** The lists of a query that can add most to a score, highest first. */
export function highestLists<Query extends Pick<JudgedQuery, "terms" | "weights">>(
  query: Query,
  { offsets, impacts }: InvertedLists,
  count: number,
): Query {
  const bounds = query.terms.map((term, at) => {
    let most = 0;
    for (let index = offsets[term]!; index < offsets[term + 1]!; index++)
      most = Math.max(most, impacts[index]!);
    return { at, bound: query.weights[at]! * most };
  });
  const kept = bounds
    .filter(({ bound }) => bound > 0)
    .sort((a, b) => b.bound - a.bound || a.at - b.at)
    .slice(0, count)
    .map(({ at }) => at);
  return {
    ...query,
    terms: kept.map((at) => query.terms[at]!),
    weights: kept.map((at) => query.weights[at]!),
  };
}

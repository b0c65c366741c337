/**
 * The queries of a replay: real texts, weighed as production weighs them, drawn by Zipf's law; and what each of them
 * reads, traced by real searches. Only queries that are drawn are searched.
 */
import { loadModelFiles } from "../../../batch/encoders/model-files.ts";
import { resolveModelFolder } from "../../../batch/encoders/open-encoder.ts";
import { idfTable } from "../../../shared/model/idf.ts";
import { encodeQuery, optionalBelow } from "../../../shared/query/query-vector.ts";
import { Vocabulary } from "../../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../../shared/text/word-piece.ts";
import type { BenchQuery } from "../collections/query-sets.ts";
import { randomOf, shuffled } from "../collections/random.ts";
import type { BenchCollection } from "../collections/read-collection.ts";
import { readRealQueries } from "../collections/sources.ts";
import { countByTerm } from "../collections/statistics.ts";
import { tablesBytesOf } from "../layouts/sections/formats.ts";

export interface Pool {
  /** Most popular first: which text is popular is chance. */
  readonly queries: readonly BenchQuery[];
  readonly tablesBytes: number;
}

const SEED = 11;

/** Distinct real queries that have a posting in the collection, all sizes, in random order. */
export async function openPool({ meta, own, vectors }: BenchCollection): Promise<Pool> {
  const model = await loadModelFiles(resolveModelFolder(meta.model.name));
  const tokenizer = new WordPieceTokenizer(Vocabulary.parse(model.vocabulary));
  const documentFrequencies = countByTerm(vectors.terms, meta.vocabularySize);
  const textFrequencies = countByTerm(own.terms, meta.vocabularySize);
  const documents = vectors.indptr.length - 1;
  const weights = {
    idf: idfTable("blend", model.idf, { documents, textFrequencies }),
    optionalTokens: optionalBelow(model.idf, model.manifest.identity.queryIdfFloor),
  };
  const texts = shuffled([...new Set(await readRealQueries())], randomOf(SEED));
  const queries = texts.flatMap((text): BenchQuery[] => {
    const vector = encodeQuery(text, tokenizer, weights);
    const known = [...vector.termIds.keys()].filter((at) => documentFrequencies[vector.termIds[at]!]! > 0);
    if (known.length === 0) return [];
    return [
      {
        text,
        terms: known.map((at) => vector.termIds[at]!),
        weights: known.map((at) => vector.weights[at]!),
      },
    ];
  });
  return { queries, tablesBytes: tablesBytesOf(model.vocabulary, model.idf) };
}

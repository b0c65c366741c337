/** What a collection is like: sizes, how dense its posting lists are, what queries meet. In: arrays. Out: figures. */
import type { BenchQuery } from "./query-sets.ts";

/** Posting lists whose share of all documents is at least `from` and less than twice that. */
export interface DensityClass {
  readonly from: number;
  readonly lists: number;
  /** Share of all postings. */
  readonly postings: number;
  /** Share of the query terms of each set. */
  readonly queryTerms: Readonly<Record<string, number>>;
}

export interface QueryStatistics {
  readonly queries: number;
  readonly termsMean: number;
  /** Postings of all its lists, over the number of documents. */
  readonly postingsPerDocumentMean: number;
  readonly postingsP50: number;
  readonly postingsP99: number;
}

export interface CollectionStatistics {
  readonly documents: number;
  readonly postings: number;
  readonly postingsPerDocument: number;
  /** Terms with a posting. */
  readonly lists: number;
  readonly ownTermsPerDocument: number;
  readonly queries: Readonly<Record<string, QueryStatistics>>;
  readonly densities: readonly DensityClass[];
}

/** The last class holds everything thinner. */
const CLASSES = 16;

export function countByTerm(terms: Uint16Array, vocabularySize: number): Uint32Array {
  const counts = new Uint32Array(vocabularySize);
  for (const term of terms) counts[term]!++;
  return counts;
}

export function describeCollection(
  documents: number,
  documentFrequencies: Uint32Array,
  ownTerms: number,
  sets: Readonly<Record<string, readonly BenchQuery[]>>,
): CollectionStatistics {
  const postings = documentFrequencies.reduce((sum, each) => sum + each, 0);
  return {
    documents,
    postings,
    postingsPerDocument: postings / documents,
    lists: documentFrequencies.reduce((sum, each) => sum + Math.sign(each), 0),
    ownTermsPerDocument: ownTerms / documents,
    queries: mapRecord(sets, (queries) => describeQueries(documents, documentFrequencies, queries)),
    densities: densityClasses(documents, documentFrequencies, postings, sets),
  };
}

function describeQueries(
  documents: number,
  documentFrequencies: Uint32Array,
  queries: readonly BenchQuery[],
): QueryStatistics {
  const postings = queries
    .map(({ terms }) => terms.reduce((sum, term) => sum + documentFrequencies[term]!, 0))
    .sort((a, b) => a - b);
  const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;
  return {
    queries: queries.length,
    termsMean: mean(queries.map(({ terms }) => terms.length)),
    postingsPerDocumentMean: mean(postings) / documents,
    postingsP50: postings[Math.floor(postings.length * 0.5)] ?? 0,
    postingsP99: postings[Math.floor(postings.length * 0.99)] ?? 0,
  };
}

function densityClasses(
  documents: number,
  documentFrequencies: Uint32Array,
  postings: number,
  sets: Readonly<Record<string, readonly BenchQuery[]>>,
): DensityClass[] {
  const classOf = (frequency: number) =>
    Math.min(CLASSES - 1, Math.max(0, Math.ceil(Math.log2(documents / frequency)) - 1));
  const lists = new Array<number>(CLASSES).fill(0);
  const held = new Array<number>(CLASSES).fill(0);
  for (const frequency of documentFrequencies) {
    if (frequency === 0) continue;
    lists[classOf(frequency)]!++;
    held[classOf(frequency)]! += frequency;
  }
  const met = mapRecord(sets, (queries) => {
    const counts = new Array<number>(CLASSES).fill(0);
    for (const { terms } of queries) {
      for (const term of terms) counts[classOf(documentFrequencies[term]!)]!++;
    }
    const total = counts.reduce((sum, each) => sum + each, 0);
    return counts.map((count) => count / total);
  });
  return lists.map((count, at) => ({
    from: at === CLASSES - 1 ? 0 : 2 ** -(at + 1),
    lists: count,
    postings: held[at]! / postings,
    queryTerms: mapRecord(met, (shares) => shares[at]!),
  }));
}

function mapRecord<From, To>(
  record: Readonly<Record<string, From>>,
  map: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

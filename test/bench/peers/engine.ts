/** What a search engine is to the comparison: queries in, documents out, and what it took to build. */
import type { BenchQuery } from "../collections/query-sets.ts";

/** Hits that every engine is asked for. */
export const K = 10;

export interface EngineFacts {
  readonly engine: string;
  readonly version: string;
  readonly settings: string;
  /** False: it ranks by something else (BM25), so its hits cannot be held against the exact ones. */
  readonly isSameScore: boolean;
  /** Of one thread, or processor seconds where an index is kept from an earlier run; null: unknown. */
  readonly buildSeconds: number | null;
  /** Of what it keeps, stored or in memory; null: unknown. */
  readonly bytes: number | null;
}

export interface SearchEngine extends EngineFacts {
  /** @returns ordinals of at most K documents, best first */
  search(query: BenchQuery): readonly number[];
  close?(): void;
}

/** Figures of one set of queries; milliseconds. */
export interface SetFigures {
  /** Queries that were timed: fewer than there are when an engine is slow. */
  readonly queries: number;
  readonly p50: number;
  readonly p99: number;
  readonly mean: number;
  /** Share of the exact hits among the first K, ties counted as hits; null where the scores are others. */
  readonly recall: number | null;
}

/** A row of the comparison, as each program that times an engine prints it. */
export interface EngineRow extends EngineFacts {
  readonly sets: Readonly<Record<string, SetFigures>>;
  /** Other settings that were tried, where there are any. */
  readonly tried?: readonly object[];
}

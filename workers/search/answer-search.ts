/**
 * One search, whole: manifest, query vector, scoring, documents, and what to do when a page is missing. In: a checked
 * request. Out: the API's answer. The HTTP route and the page both use it.
 */
import { encodeQuery } from "../../shared/query/query-vector.ts";
import { type Certificate, scoreScale, searchSegments } from "../../shared/query/search.ts";
import { ReaderSegmentSource } from "../../shared/query/segment-source.ts";
import type { HeldManifest } from "../isolate-cache.ts";
import { fromManifest } from "./current-manifest.ts";
import { describeHits, type HitDescription } from "./describe-hits.ts";
import { loadQueryModel } from "./query-model.ts";
import type { ReadContext } from "./read-context.ts";
import { budgetOf, type SearchRequest } from "./search-request.ts";

export interface SearchWarning {
  readonly code: "index_empty" | "no_known_tokens";
  readonly message: string;
}

export interface SearchHit extends HitDescription {
  readonly score: number;
}

export interface SearchAnswer<Which = number> {
  readonly generation: Which;
  /** How long ago that generation was committed: what was written since is not in this answer. */
  readonly generationAgeMs: number;
  /** How long ago this isolate read the manifest; KV itself may have been up to a minute behind then. */
  readonly manifestAgeMs: number;
  readonly hits: readonly SearchHit[];
  readonly exact: boolean;
  /** Of an inexact answer: what is certain of it all the same. Only a request with a budget gets one. */
  readonly certificate?: Certificate;
  readonly warnings: readonly SearchWarning[];
  /** Pages that the query needed, whether KV or the isolate had them. */
  readonly stats: {
    readonly reads: number;
    readonly bytesRead: number;
    readonly postings: number;
    readonly tokens: number;
  };
}

/**
 * Answers a search.
 * @throws LzeroError of `currentManifest`; `page_missing` when pages are absent in the catalog's generation too
 */
export function answerSearch(context: ReadContext, request: SearchRequest): Promise<SearchAnswer> {
  return fromManifest(context, request.minGeneration, (held) => answerFrom(context, held, request));
}

async function answerFrom(
  context: ReadContext,
  held: HeldManifest,
  request: SearchRequest,
): Promise<SearchAnswer> {
  const { manifest, readAtMs } = held;
  const answer = {
    generation: manifest.generation,
    generationAgeMs: Math.max(0, context.nowMs() - manifest.createdAtMs),
    manifestAgeMs: Math.max(0, context.nowMs() - readAtMs),
  };
  if (manifest.model === null || manifest.segments.length === 0) {
    const stats = { reads: 0, bytesRead: 0, postings: 0, tokens: 0 };
    context.cache.raiseFloor(context.index, manifest.generation);
    return { ...answer, hits: [], exact: true, warnings: [INDEX_EMPTY], stats };
  }
  const model = await loadQueryModel(context, manifest.model.tables);
  const query = encodeQuery(request.q, model.tokenizer, model);
  const { k, offset } = request;
  const source = new ReaderSegmentSource(context.pages, context.index, context.roots, context.cache.verified);
  const result = await searchSegments(source, manifest, query, {
    k,
    offset,
    algorithm: context.cache.algorithm,
    ...budgetOf(request),
  });
  // What an explanation reads again is not the search's.
  const reads = result.stats.reads + context.roots.hits;
  const bytesRead = result.stats.bytesRead + context.roots.hitBytes;
  const described = await describeHits(context, result.hits, {
    query,
    tokenizer: model.tokenizer,
    highlight: request.highlight,
    scale: scoreScale(manifest.model),
  });
  const hits = described.map((hit, at) => ({ ...hit, score: result.hits[at]!.score }));
  context.cache.raiseFloor(context.index, manifest.generation);
  return {
    ...answer,
    hits,
    exact: result.exact,
    ...(result.certificate === null ? {} : { certificate: result.certificate }),
    warnings: query.termIds.length === 0 ? [NO_KNOWN_TOKENS] : [],
    stats: { reads, bytesRead, postings: result.stats.postings, tokens: query.tokens },
  };
}

export const INDEX_EMPTY: SearchWarning = {
  code: "index_empty",
  message: "the index has no documents yet",
};

export const NO_KNOWN_TOKENS: SearchWarning = {
  code: "no_known_tokens",
  message: "no word of the query is in the model's vocabulary",
};

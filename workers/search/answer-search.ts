/**
 * One search, whole: manifest, query vector, scoring, documents, and what to do when a page is missing. In: a checked
 * request. Out: the API's answer. The HTTP route and the page both use it.
 */
import { isLzeroError, type LzeroError } from "../../shared/errors.ts";
import type { StoredFields } from "../../shared/messages/document.ts";
import { encodeQuery, type QueryVector } from "../../shared/query/query-vector.ts";
import {
  type Certificate,
  type SearchResult,
  scoreScale,
  searchSegments,
} from "../../shared/query/search.ts";
import { ReaderSegmentSource } from "../../shared/query/segment-source.ts";
import type { HeldManifest } from "../isolate-cache.ts";
import { currentManifest, manifestFromCatalog } from "./current-manifest.ts";
import { explainHits, type HitExplanation } from "./explain-hits.ts";
import { loadQueryModel, type QueryModel } from "./query-model.ts";
import type { ReadContext } from "./read-context.ts";
import type { SearchRequest } from "./search-request.ts";

export interface SearchWarning {
  readonly code: "index_empty" | "no_known_tokens";
  readonly message: string;
}

/** A hit; the explanation is there when the request asked for highlights. */
export interface SearchHit extends StoredFields, Partial<HitExplanation> {
  readonly id: string;
  readonly score: number;
}

export interface SearchAnswer {
  readonly generation: number;
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
export async function answerSearch(context: ReadContext, request: SearchRequest): Promise<SearchAnswer> {
  const held = await currentManifest(context, request.minGeneration);
  try {
    return await answerFrom(context, held, request);
  } catch (error) {
    if (!isLzeroError(error, "page_missing")) throw error;
    // The generation may have been collected while KV still showed it: the catalog knows the current one.
    return answerFrom(context, await newestManifest(context, request, error), request);
  }
}

async function newestManifest(
  context: ReadContext,
  request: SearchRequest,
  missing: LzeroError,
): Promise<HeldManifest> {
  try {
    return await manifestFromCatalog(context, request.minGeneration);
  } catch {
    throw missing;
  }
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
    const message = "the index has no documents yet";
    const stats = { reads: 0, bytesRead: 0, postings: 0, tokens: 0 };
    context.cache.raiseFloor(context.index, manifest.generation);
    return { ...answer, hits: [], exact: true, warnings: [{ code: "index_empty", message }], stats };
  }
  const model = await loadQueryModel(context, manifest.model.tables);
  const query = encodeQuery(request.q, model.tokenizer, model);
  const { k, offset, maxReads, maxBytes } = request;
  const budget = {
    ...(maxReads === undefined ? {} : { maxReads }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  };
  const source = new ReaderSegmentSource(context.pages, context.index, context.roots, context.cache.verified);
  const result = await searchSegments(source, manifest, query, {
    k,
    offset,
    algorithm: context.cache.algorithm,
    ...budget,
  });
  // What an explanation reads again is not the search's.
  const reads = result.stats.reads + context.roots.hits;
  const bytesRead = result.stats.bytesRead + context.roots.hitBytes;
  const hits = await describeHits(context, result, query, model, request, scoreScale(manifest.model));
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

const NO_KNOWN_TOKENS: SearchWarning = {
  code: "no_known_tokens",
  message: "no word of the query is in the model's vocabulary",
};

async function describeHits(
  context: ReadContext,
  result: SearchResult,
  query: QueryVector,
  model: QueryModel,
  request: SearchRequest,
  scale: number,
): Promise<SearchHit[]> {
  const explanations = request.highlight
    ? await explainHits(context, result.hits, query, model.tokenizer, scale)
    : [];
  return result.hits.map(({ document, score }, place) => {
    const { title, url, metadata, text } = document.fields;
    return { id: document.id, score, title, url, metadata, text, ...explanations[place] };
  });
}

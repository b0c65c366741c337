/**
 * A shard's side of a search: places with integer scores first, so that the front fetches the documents of those alone
 * that are among the best of all shards.
 */
import type { Manifest } from "../../shared/format/manifest.ts";
import { readDocuments } from "../../shared/query/documents.ts";
import { encodeQuery, type QueryVector } from "../../shared/query/query-vector.ts";
import { rankSegments } from "../../shared/query/rank.ts";
import { scoreScale } from "../../shared/query/search.ts";
import { ReaderSegmentSource } from "../../shared/query/segment-source.ts";
import { fromManifest } from "../search/current-manifest.ts";
import { describeHits, type HitDescription } from "../search/describe-hits.ts";
import { loadQueryModel, type QueryModel } from "../search/query-model.ts";
import type { ReadContext } from "../search/read-context.ts";
import { budgetOf } from "../search/search-request.ts";
import { readRoot } from "../search/stored-pages.ts";
import type { RankedHit, ShardAnswer, ShardRequest } from "./shard-commands.ts";

/** @throws LzeroError as a search */
export function searchShard(
  context: ReadContext,
  request: ShardRequest<"search">,
): Promise<ShardAnswer<"search">> {
  return fromManifest(context, request.minGeneration, async ({ manifest, readAtMs }) => {
    const answer = {
      generation: manifest.generation,
      generationAgeMs: Math.max(0, context.nowMs() - manifest.createdAtMs),
      manifestAgeMs: Math.max(0, context.nowMs() - readAtMs),
      model: manifest.model,
    };
    const ranked =
      manifest.model === null || manifest.segments.length === 0
        ? NOTHING
        : await rank(context, manifest, await loadQueryModel(context, manifest.model.tables), request);
    context.cache.raiseFloor(context.index, manifest.generation);
    return { ...answer, ...ranked };
  });
}

type Ranked = Pick<
  ShardAnswer<"search">,
  "hits" | "described" | "unreadBound" | "nextScore" | "isEmpty" | "knownTerms" | "stats"
>;

const NOTHING: Ranked = {
  hits: [],
  described: [],
  unreadBound: 0,
  nextScore: 0,
  isEmpty: true,
  knownTerms: 0,
  stats: { reads: 0, bytesRead: 0, postings: 0, tokens: 0 },
};

async function rank(
  context: ReadContext,
  manifest: Manifest,
  model: QueryModel,
  request: ShardRequest<"search">,
): Promise<Ranked> {
  const query = encodeQuery(request.q, model.tokenizer, model);
  const source = new ReaderSegmentSource(context.pages, context.index, context.roots, context.cache.verified);
  const { candidates, unreadBound, nextScore, postings } = await rankSegments(source, manifest, query, {
    wanted: request.wanted,
    minScore: request.minScore,
    algorithm: context.cache.algorithm,
    ...budgetOf(request),
  });
  const hits = candidates.map(
    ({ place, ordinal, score }): RankedHit => [manifest.segments[place]!.segmentId, ordinal, score],
  );
  const described =
    request.describe === null
      ? null
      : await describe(context, source, hits, query, model, request.describe.highlight, manifest.model!);
  const reads = source.reads + context.roots.hits;
  const bytesRead = source.bytesRead + context.roots.hitBytes;
  const knownTerms = query.termIds.length;
  const stats = { reads, bytesRead, postings, tokens: query.tokens };
  return { hits, described, unreadBound, nextScore, isEmpty: false, knownTerms, stats };
}

/** @throws LzeroError `page_missing` when a merge took the places away since they were ranked */
export async function describeShardHits(
  context: ReadContext,
  { q, highlight, model: binding, hits }: ShardRequest<"hits">,
): Promise<ShardAnswer<"hits">> {
  const model = await loadQueryModel(context, binding.tables);
  const query = encodeQuery(q, model.tokenizer, model);
  const source = new ReaderSegmentSource(context.pages, context.index, context.roots, context.cache.verified);
  const described = await describe(context, source, hits, query, model, highlight, binding);
  return { described, reads: source.reads, bytesRead: source.bytesRead };
}

async function describe(
  context: ReadContext,
  source: ReaderSegmentSource,
  hits: readonly RankedHit[],
  query: QueryVector,
  { tokenizer }: QueryModel,
  highlight: boolean,
  binding: NonNullable<Manifest["model"]>,
): Promise<HitDescription[]> {
  const roots = await Promise.all(hits.map(([segmentId]) => readRoot(context, segmentId)));
  const documents = await readDocuments(
    source,
    hits.map(([, ordinal], at) => ({ root: roots[at]!, ordinal })),
  );
  const places = hits.map(([segmentId, ordinal], at) => ({ segmentId, ordinal, document: documents[at]! }));
  return describeHits(context, places, { query, tokenizer, highlight, scale: scoreScale(binding) });
}

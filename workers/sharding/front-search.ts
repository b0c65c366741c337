/**
 * A search of all shards, merged exactly. Two steps: every shard ranks and is told what score still matters, then those
 * that hold the best give their documents, so that a sharded index reads no more documents than one that is whole. With
 * more shards than two steps may call, each gives the documents of all that it ranks, and fewer hits can be asked for.
 */
import { LzeroError } from "../../shared/errors.ts";
import { scoreScale } from "../../shared/query/search.ts";
import { type ShardedHit, searchShards } from "../../shared/query/shards.ts";
import {
  INDEX_EMPTY,
  NO_KNOWN_TOKENS,
  type SearchAnswer,
  type SearchWarning,
} from "../search/answer-search.ts";
import type { HitDescription } from "../search/describe-hits.ts";
import { budgetOf, type ShardedSearchRequest } from "../search/search-request.ts";
import { requireSameModel } from "./agreement.ts";
import { decodeGenerations, encodeGenerations } from "./generation-token.ts";
import { allPlaces, type Front, requireAll, SHARDS_AT_ONCE } from "./shard-client.ts";
import type { RankedHit, ShardAnswer } from "./shard-commands.ts";

/** Half of the 32 Workers that a request may call, the front among them (Cloudflare docs, "Workers limits"). */
export const MAX_TWO_STEP_SHARDS = 15;
/** offset + k with more shards than that. */
export const MAX_ONE_STEP_WINDOW = 100;
/** Of a shard's documents then: six answers of this size are in memory at once. */
export const MAX_ONE_STEP_ANSWER_BYTES = 4 * 1024 * 1024;

interface PlacedHit {
  readonly integerScore: number;
  readonly ranked: RankedHit;
  /** Null in two steps. */
  readonly described: HitDescription | null;
}

type Answer = ShardAnswer<"search">;
type Model = NonNullable<Answer["model"]>;

/** @throws LzeroError `parameter_invalid`, `shards_disagree`, and those of a call to a shard */
export async function searchFront(
  front: Front,
  request: ShardedSearchRequest,
): Promise<SearchAnswer<string>> {
  const { k, offset, minGeneration, highlight, q } = request;
  const least = minGeneration === undefined ? null : decodeGenerations(minGeneration, front.shards);
  const isOneStep = front.shards > MAX_TWO_STEP_SHARDS;
  if (isOneStep && offset + k > MAX_ONE_STEP_WINDOW) {
    const message = `offset + k is above ${MAX_ONE_STEP_WINDOW}, the most with more than ${MAX_TWO_STEP_SHARDS} shards`;
    throw new LzeroError("parameter_invalid", message, { parameter: "offset" });
  }
  const budget = budgetOf(request);
  const hasBudget = Object.keys(budget).length > 0;
  const answers: Answer[] = [];
  const ask = (place: number) => async (wanted: number, minScore: number) => {
    const answer = await front.call(
      place,
      "search",
      {
        q,
        wanted,
        // What a running threshold leaves out would make a certificate depend on who answered first.
        minScore: hasBudget ? 1 : minScore,
        ...(least === null ? {} : { minGeneration: least[place - 1]! }),
        ...budget,
        describe: isOneStep ? { highlight } : null,
      },
      isOneStep ? MAX_ONE_STEP_ANSWER_BYTES : undefined,
    );
    answers[place - 1] = answer;
    const hits = answer.hits.map(
      (ranked, at): PlacedHit => ({
        integerScore: ranked[2],
        ranked,
        described: (answer.described?.[at] as HitDescription | undefined) ?? null,
      }),
    );
    return { hits, unreadBound: answer.unreadBound, nextScore: answer.nextScore };
  };
  const merged = await searchShards(allPlaces(front).map(ask), { k, offset, atOnce: SHARDS_AT_ONCE });
  const model = requireSameModel(answers.map((answer) => answer.model));
  const { described, reads, bytesRead } = await describe(front, merged.hits, model, q, highlight);
  const scale = model === null ? 0 : scoreScale(model);
  const { certificate } = merged;
  return {
    generation: encodeGenerations(answers.map(({ generation }) => generation)),
    generationAgeMs: Math.max(...answers.map(({ generationAgeMs }) => generationAgeMs)),
    manifestAgeMs: Math.max(...answers.map(({ manifestAgeMs }) => manifestAgeMs)),
    hits: merged.hits.map(({ hit }, at) => ({ ...described[at]!, score: hit.integerScore * scale })),
    exact: merged.exact,
    ...(certificate === null
      ? {}
      : {
          certificate: {
            provenHits: certificate.provenHits,
            maxMissedScore: certificate.maxMissed * scale,
          },
        }),
    warnings: warningsOf(answers),
    stats: {
      reads: sum(answers, ({ stats }) => stats.reads) + reads,
      bytesRead: sum(answers, ({ stats }) => stats.bytesRead) + bytesRead,
      postings: sum(answers, ({ stats }) => stats.postings),
      tokens: Math.max(...answers.map(({ stats }) => stats.tokens)),
    },
  };
}

/** The second step, or what the first one brought. */
async function describe(
  front: Front,
  hits: readonly ShardedHit<PlacedHit>[],
  model: Model | null,
  q: string,
  highlight: boolean,
): Promise<{ described: readonly HitDescription[]; reads: number; bytesRead: number }> {
  const inline = hits.flatMap(({ hit }) => (hit.described === null ? [] : [hit.described]));
  if (model === null || inline.length === hits.length) return { described: inline, reads: 0, bytesRead: 0 };
  const places = [...new Set(hits.map(({ shard }) => shard + 1))];
  const answers = requireAll(
    await front.callEach(places, (place) => {
      const own = hits.filter(({ shard }) => shard + 1 === place).map(({ hit }) => hit.ranked);
      return front.call(place, "hits", { q, highlight, model, hits: own });
    }),
  );
  const left = new Map(answers.map(({ described }, at) => [places[at]!, described.values()]));
  return {
    described: hits.map(({ shard }) => left.get(shard + 1)!.next().value as HitDescription),
    reads: sum(answers, ({ reads }) => reads),
    bytesRead: sum(answers, ({ bytesRead }) => bytesRead),
  };
}

function warningsOf(answers: readonly Answer[]): SearchWarning[] {
  const filled = answers.filter(({ isEmpty }) => !isEmpty);
  if (filled.length === 0) return [INDEX_EMPTY];
  return filled.every(({ knownTerms }) => knownTerms === 0) ? [NO_KNOWN_TOKENS] : [];
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/**
 * Why a hit matched. In: hits and the query vector. Out: for each hit the places of words whose own tokens are query
 * tokens of some weight, a range worth showing first, and what each query term added to the score, told apart by whether the
 * document's own text has it or the model added it. Costs no model: it reads postings that the search just read.
 */
import {
  decodePostingList,
  decodeStoredOwnTermIds,
  type SegmentRoot,
} from "../../shared/format/segment-reader.ts";
import { readListPages } from "../../shared/query/lists.ts";
import type { QueryVector } from "../../shared/query/query-vector.ts";
import type { SearchHit } from "../../shared/query/search.ts";
import type { WordPieceTokenizer } from "../../shared/text/word-piece.ts";
import type { ReadContext } from "./read-context.ts";
import { chooseSnippet } from "./snippet.ts";
import { readPayload, readRoot } from "./stored-pages.ts";

/** UTF-16 offsets [start, end). */
export type TextRange = readonly [number, number];

export interface TermContribution {
  /** The wordpiece, e.g. "spider" or "##ing". */
  readonly term: string;
  /** Share of the hit's score; the shares of all terms add up to it. */
  readonly score: number;
  /** The model added this term: the document's own text does not have it. */
  readonly expanded: boolean;
}

export interface HitExplanation {
  readonly matches: {
    readonly title: readonly TextRange[];
    readonly text: readonly TextRange[];
    /** Part of the text to show when there is room for some lines only. */
    readonly snippet: TextRange;
  };
  /** Largest first. */
  readonly terms: readonly TermContribution[];
}

/** A hit, as far as it is explained. */
export type DescribedPlace = Pick<SearchHit, "segmentId" | "ordinal" | "document">;

/**
 * A word is marked when one of its tokens weighs at least this share of the query's heaviest one. Every "of" and "the" in
 * bright colour would hide what matched.
 */
const MIN_MARKED_SHARE = 0.25;
/** Words are looked for in this many characters of a text: more than any encoder reads. */
const MAX_MARKED_CHARACTERS = 8192;

export async function explainHits(
  context: ReadContext,
  hits: readonly DescribedPlace[],
  query: QueryVector,
  tokenizer: WordPieceTokenizer,
  scale: number,
): Promise<HitExplanation[]> {
  const leastWeight =
    MIN_MARKED_SHARE * query.weights.reduce((largest, weight) => Math.max(largest, weight), 0);
  const queryTokens = new Set(query.termIds.filter((_, place) => query.weights[place]! >= leastWeight));
  const segments = new Map<string, SegmentTerms>();
  const explanations: HitExplanation[] = [];
  for (const hit of hits) {
    const segment = segments.get(hit.segmentId) ?? (await readSegmentTerms(context, hit.segmentId, query));
    segments.set(hit.segmentId, segment);
    const { title, text } = hit.document.fields;
    const inText = findMatches(text.slice(0, MAX_MARKED_CHARACTERS), queryTokens, tokenizer);
    explanations.push({
      matches: {
        title: title === null ? [] : findMatches(title, queryTokens, tokenizer),
        text: inText,
        snippet: chooseSnippet(text, inText),
      },
      terms: await describeTerms(context, segment, hit.ordinal, query, tokenizer, scale),
    });
  }
  return explanations;
}

function findMatches(
  text: string,
  queryTokens: ReadonlySet<number>,
  tokenizer: WordPieceTokenizer,
): TextRange[] {
  return tokenizer
    .tokenizeWithOffsets(text)
    .filter(({ tokenIds }) => tokenIds.some((tokenId) => queryTokens.has(tokenId)))
    .map(({ start, end }) => [start, end]);
}

/** The posting lists of the query's terms in one segment. */
interface SegmentTerms {
  readonly root: SegmentRoot;
  readonly lists: readonly ({ readonly ordinals: Uint32Array; readonly impacts: Uint8Array } | null)[];
}

async function readSegmentTerms(
  context: ReadContext,
  segmentId: string,
  query: QueryVector,
): Promise<SegmentTerms> {
  const root = await readRoot(context, segmentId);
  const lists = await Promise.all(
    Array.from(query.termIds, async (termId) => {
      const entry = root.find(termId);
      if (entry === null) return null;
      const payloadOf = await readListPages((page) => readPayload(context, root, page), [entry]);
      return decodePostingList(root, payloadOf, entry);
    }),
  );
  return { root, lists };
}

async function describeTerms(
  context: ReadContext,
  { root, lists }: SegmentTerms,
  ordinal: number,
  query: QueryVector,
  tokenizer: WordPieceTokenizer,
  scale: number,
): Promise<TermContribution[]> {
  const payload = await readPayload(context, root, root.documentPageOf(ordinal).page);
  const ownTermIds = new Set(decodeStoredOwnTermIds(root, payload, ordinal));
  const terms: TermContribution[] = [];
  for (const [place, list] of lists.entries()) {
    const impact = list === null ? 0 : impactOf(list.ordinals, list.impacts, ordinal);
    if (impact === 0) continue;
    const termId = query.termIds[place]!;
    terms.push({
      term: tokenizer.piece(termId),
      score: query.weights[place]! * impact * scale,
      expanded: !ownTermIds.has(termId),
    });
  }
  return terms.sort((left, right) => right.score - left.score);
}

/** The impact of an ordinal in an ascending list, or 0. */
function impactOf(ordinals: Uint32Array, impacts: Uint8Array, ordinal: number): number {
  let low = 0;
  let high = ordinals.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ordinals[middle]! < ordinal) low = middle + 1;
    else high = middle;
  }
  return ordinals[low] === ordinal ? impacts[low]! : 0;
}

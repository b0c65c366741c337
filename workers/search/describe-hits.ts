/** What a hit shows: its document's fields and, where they are wanted, why it matched. */
import type { StoredFields } from "../../shared/messages/document.ts";
import type { QueryVector } from "../../shared/query/query-vector.ts";
import type { WordPieceTokenizer } from "../../shared/text/word-piece.ts";
import { type DescribedPlace, explainHits, type HitExplanation } from "./explain-hits.ts";
import type { ReadContext } from "./read-context.ts";

/** A hit without its score; the explanation is there when the request asked for highlights. */
export interface HitDescription extends StoredFields, Partial<HitExplanation> {
  readonly id: string;
}

export interface DescribeOptions {
  readonly query: QueryVector;
  readonly tokenizer: WordPieceTokenizer;
  readonly highlight: boolean;
  /** What an integer score is multiplied by. */
  readonly scale: number;
}

export async function describeHits(
  context: ReadContext,
  hits: readonly DescribedPlace[],
  { query, tokenizer, highlight, scale }: DescribeOptions,
): Promise<HitDescription[]> {
  const explanations = highlight ? await explainHits(context, hits, query, tokenizer, scale) : [];
  return hits.map(({ document }, place) => {
    const { title, url, metadata, text } = document.fields;
    return { id: document.id, title, url, metadata, text, ...explanations[place] };
  });
}

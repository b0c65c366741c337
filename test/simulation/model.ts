/**
 * The model of a simulation: 60 words, `w5` … `w59`, each a token; a document's weight of a word is half its count. A
 * title with POISON cannot be encoded.
 */
import type { EncodedDocument } from "../../batch/encoders/encoder.ts";
import type { BoundModel } from "../../batch/publish/publish-target.ts";
import { LzeroError } from "../../shared/errors.ts";
import { encodeQueryTables } from "../../shared/format/query-tables.ts";
import type { Random } from "./random.ts";

const FIRST_WORD = 5;
export const VOCABULARY_SIZE = 60;
export const MAX_WEIGHT = 4;
export const POISON = "POISON";

/** The model as indexes are bound to it. */
export function simulatedModel(): BoundModel {
  const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  const pieces = Array.from({ length: VOCABULARY_SIZE }, (_, id) => special[id] ?? `w${id}`);
  const vocabulary = new TextEncoder().encode(`${pieces.join("\n")}\n`);
  const idf = new Float32Array(VOCABULARY_SIZE).fill(1.5);
  const query = { vocabulary, idf, optionalTokens: new Uint8Array(Math.ceil(VOCABULARY_SIZE / 8)) };
  const tables = encodeQueryTables(query);
  return {
    binding: {
      fingerprint: "5".repeat(32),
      tables: tables.fingerprint,
      maxWeight: MAX_WEIGHT,
      impactBits: 8,
      averageLength: null,
    },
    tables,
    query,
  };
}

/** Some words, the first ones more often than the last. */
export function drawWords(random: Random, count: number): string {
  const words = Array.from({ length: count }, () => {
    const rank = Math.floor(random.next() ** 2 * (VOCABULARY_SIZE - FIRST_WORD));
    return `w${FIRST_WORD + rank}`;
  });
  return words.join(" ");
}

/** Counts of the known words of a text, by token. */
export function countWords(text: string): Map<number, number> {
  const counts = new Map<number, number>();
  for (const word of text.split(" ")) {
    const token = Number(word.slice(1));
    if (word.startsWith("w") && token >= FIRST_WORD) counts.set(token, (counts.get(token) ?? 0) + 1);
  }
  return counts;
}

export function wordWeight(count: number): number {
  return Math.min(MAX_WEIGHT, count / 2);
}

export function encodeText(text: string): EncodedDocument | Error {
  if (text.includes(POISON)) return new LzeroError("text_poisonous", "the text is poison");
  const counts = countWords(text);
  const termIds = Uint32Array.from([...counts.keys()].sort((a, b) => a - b));
  return {
    termIds,
    weights: Float32Array.from(termIds, (termId) => wordWeight(counts.get(termId)!)),
    ownTermIds: termIds,
    tokenCount: text.split(" ").length,
    truncated: false,
    unseenTokens: 0,
    cutByTopK: 0,
  };
}

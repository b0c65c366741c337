/**
 * What a query is made with: tokenizer and IDF, read from KV by the fingerprint that a manifest names. Segments and
 * tables thus always come from one manifest, and a new model needs no new deployment.
 */
import { LzeroError } from "../../shared/errors.ts";
import { decodeQueryTables } from "../../shared/format/query-tables.ts";
import { tablesKey } from "../../shared/storage/keys.ts";
import { Vocabulary } from "../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../shared/text/word-piece.ts";
import type { ReadContext } from "./read-context.ts";

export interface QueryModel {
  readonly tokenizer: WordPieceTokenizer;
  readonly idf: Float32Array;
  readonly optionalTokens: Uint8Array;
}

/** Beside the table's own bytes: the vocabulary's hash slots and bounds, and the Unicode ranges. */
const DECODED_OVERHEAD_BYTES = 1024 * 1024;

/**
 * Loads query tables, or takes them from the isolate.
 * @throws LzeroError `tables_missing` and those of `decodeQueryTables`
 */
export async function loadQueryModel(context: ReadContext, fingerprint: string): Promise<QueryModel> {
  const key = tablesKey(fingerprint);
  const model = await context.cache.getOrLoad(`model:${fingerprint}`, async () => {
    const value = await context.pages.fetch(key);
    if (value === null) return null;
    const tables = decodeQueryTables(value, fingerprint, key);
    const tokenizer = new WordPieceTokenizer(Vocabulary.parse(tables.vocabulary));
    const loaded: QueryModel = { tokenizer, idf: tables.idf, optionalTokens: tables.optionalTokens };
    return { value: loaded, sizeBytes: value.byteLength + DECODED_OVERHEAD_BYTES };
  });
  if (model === null) {
    throw new LzeroError("tables_missing", `the query tables ${fingerprint} are not in KV`, { key });
  }
  return model;
}

/**
 * The figures of one evaluation as JSON: what `lzero eval --json` writes and its report reads again. Files of earlier
 * versions lack some costs, and a run from elsewhere has none, so costs may be absent.
 */
import { readFile } from "node:fs/promises";
import * as z from "zod";
import { LzeroError } from "../../shared/errors.ts";

const figure = z.number().finite();

const evalRecordSchema = z.looseObject({
  /** Name of the collection's folder. */
  collection: z.string().default("collection"),
  encoder: z.string(),
  /** How queries were weighted; null for a run from elsewhere. */
  idf: z.string().nullable(),
  queries: z.int().positive(),
  "ndcg@10": figure,
  "recall@100": figure,
  "mrr@10": figure,
  documents: z.int().positive().optional(),
  docLen: figure.optional(),
  flops: figure.optional(),
  queryTerms: figure.optional(),
  bytesPerPosting: figure.optional(),
  readsPerQuery: figure.optional(),
  bytesPerQuery: figure.optional(),
  indexBytes: figure.optional(),
  fingerprint: z.string().optional(),
});

export type EvalRecord = z.infer<typeof evalRecordSchema>;

/** @throws LzeroError `eval_record_invalid` naming the file and what is wrong in it */
export async function readEvalRecords(path: string): Promise<EvalRecord[]> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new LzeroError("eval_record_invalid", `${path} cannot be read as JSON`, { path }, cause);
  }
  const parsed = z.array(evalRecordSchema).safeParse(Array.isArray(value) ? value : [value]);
  if (parsed.success) return parsed.data;
  throw new LzeroError(
    "eval_record_invalid",
    `${path} is no result of "lzero eval --json": ${z.prettifyError(parsed.error)}`,
    { path },
  );
}

/** A record's name in tables and charts. */
export function labelRecord({ encoder, idf }: EvalRecord): string {
  return idf === null ? encoder : `${encoder}, ${idf} IDF`;
}

/** Mean bytes of posting lists a document adds; null where the record does not say. */
export function postingBytesPerDocument({ docLen, bytesPerPosting }: EvalRecord): number | null {
  return docLen === undefined || bytesPerPosting === undefined ? null : docLen * bytesPerPosting;
}

/**
 * A test collection in BEIR's layout: `corpus.jsonl[.gz]`, `queries.jsonl[.gz]`, `qrels/<split>.tsv`. Reads and checks
 * form; a collection with a broken line is refused with the line's number, since figures on part of it would lie.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LzeroError } from "../../shared/errors.ts";
import { readCorpusFile } from "../corpus/corpus-file.ts";
import type { Qrels } from "./metrics.ts";

export interface EvalDocument {
  readonly id: string;
  readonly title: string | null;
  readonly text: string;
}

export interface EvalQuery {
  readonly id: string;
  readonly text: string;
}

export interface Collection {
  readonly documents: readonly EvalDocument[];
  /** Queries with a judgement in the split, in file order. */
  readonly queries: readonly EvalQuery[];
  readonly qrels: Qrels;
}

/** What a run is held against: queries and judgements, without the documents. */
export type Judgements = Omit<Collection, "documents">;

/** @throws LzeroError `collection_invalid` naming the file and the line; those of `readCorpusFile` */
export async function readCollection(folder: string, split: string): Promise<Collection> {
  const judgements = await readJudgements(folder, split);
  return { documents: await readRecords(findFile(folder, "corpus")), ...judgements };
}

/** @throws LzeroError as `readCollection` */
export async function readJudgements(folder: string, split: string): Promise<Judgements> {
  const qrels = await readQrels(join(folder, "qrels", `${split}.tsv`));
  const queries = (await readRecords(findFile(folder, "queries"))).filter(({ id }) => qrels.has(id));
  const known = new Set(queries.map(({ id }) => id));
  const missing = [...qrels.keys()].find((id) => !known.has(id));
  if (missing !== undefined) {
    throw new LzeroError("collection_invalid", `${folder}: query ${missing} is judged but not there`, {
      path: folder,
      query: missing,
    });
  }
  return { queries, qrels };
}

/**
 * A sample of the queries that is the same every time: those at even steps through the file.
 * @param count at least 1; all of them when there are no more
 */
export function sampleQueries<Sampled extends Judgements>(collection: Sampled, count: number): Sampled {
  const { queries } = collection;
  if (count >= queries.length) return collection;
  const sampled = Array.from({ length: count }, (_, i) => queries[Math.floor((i * queries.length) / count)]!);
  const ids = new Set(sampled.map(({ id }) => id));
  const qrels = new Map([...collection.qrels].filter(([id]) => ids.has(id)));
  return { ...collection, queries: sampled, qrels };
}

function findFile(folder: string, name: string): string {
  for (const ending of [".jsonl", ".jsonl.gz"]) {
    const path = join(folder, `${name}${ending}`);
    if (existsSync(path)) return path;
  }
  throw new LzeroError("collection_invalid", `${folder} has neither ${name}.jsonl nor ${name}.jsonl.gz`, {
    path: folder,
  });
}

async function readRecords(path: string): Promise<EvalDocument[]> {
  const records: EvalDocument[] = [];
  for await (const record of readCorpusFile(path)) {
    if ("error" in record) throw record.error;
    const { id, title, text } = record.document;
    if (typeof id !== "string" || typeof text !== "string") {
      throw new LzeroError("collection_invalid", `${path}:${record.line}: needs an _id and a text`, {
        path,
        line: record.line,
      });
    }
    records.push({ id, text, title: typeof title === "string" ? title : null });
  }
  return records;
}

async function readQrels(path: string): Promise<Qrels> {
  let content: string;
  try {
    content = await readFile(path, "utf8");
  } catch (cause) {
    throw new LzeroError("collection_invalid", `${path} cannot be read`, { path }, cause);
  }
  const qrels = new Map<string, Map<string, number>>();
  content.split(/\r?\n/).forEach((row, at) => {
    if (row === "" || (at === 0 && row.startsWith("query-id"))) return;
    const [query, document, grade, ...rest] = row.split("\t");
    const value = Number(grade);
    if (!query || !document || !grade || rest.length > 0 || !Number.isInteger(value)) {
      throw new LzeroError("collection_invalid", `${path}:${at + 1}: not "query, document, grade"`, {
        path,
        line: at + 1,
      });
    }
    const grades = qrels.get(query) ?? new Map<string, number>();
    qrels.set(query, grades.set(document, value));
  });
  return qrels;
}

/**
 * TREC run files, the form in which rankings are exchanged: `query Q0 document rank score tag`, a line a hit. In and
 * out: rankings with their scores. Judges form only; what the rankings are worth is metrics.ts's matter.
 */
import { LzeroError } from "../../shared/errors.ts";
import { decodeUtf8, type NumberedLine, readLines } from "../corpus/lines.ts";
import type { Run } from "./metrics.ts";

export interface RankedDocument {
  readonly id: string;
  /** Higher is better; of our own runs the engine's exact integer. */
  readonly score: number;
}

/** Hits by query id, best first. */
export type ScoredRun = ReadonlyMap<string, readonly RankedDocument[]>;

const FIELDS = 6;
const WHITE_SPACE = /\s/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/**
 * Writes a run, ranks from 1.
 * @throws LzeroError `run_invalid` when an id or the tag is empty or has white space, which the form cannot hold
 */
export function encodeRun(run: ScoredRun, tag: string): string {
  const lines: string[] = [];
  const name = requireWord(tag, "tag");
  for (const [query, hits] of run) {
    const queryId = requireWord(query, "query id");
    hits.forEach(({ id, score }, at) => {
      lines.push(`${queryId} Q0 ${requireWord(id, "document id")} ${at + 1} ${score} ${name}\n`);
    });
  }
  return lines.join("");
}

/**
 * Reads a run file, also `.gz`. As trec_eval does, scores order the hits and ranks do not; ranks decide between equal
 * scores only (trec_eval takes the ids' order there), so that a run of ours reads back as it was.
 * @throws LzeroError `run_invalid` naming the line; `corpus_unreadable`
 */
export function readRun(path: string): Promise<ScoredRun> {
  return decodeRun(readLines(path), path);
}

/** The same from lines. @param source named in errors. @throws LzeroError `run_invalid` */
export async function decodeRun(lines: AsyncIterable<NumberedLine>, source: string): Promise<ScoredRun> {
  const hits = new Map<string, Map<string, { score: number; rank: number }>>();
  for await (const { line, bytes } of lines) {
    const fail = (reason: string) =>
      new LzeroError("run_invalid", `${source}:${line}: ${reason}`, { path: source, line });
    const text = decodeUtf8(bytes);
    if (text === null) throw fail("is not UTF-8");
    if (text.trim() === "") continue;
    const fields = text.trim().split(/\s+/);
    if (fields.length !== FIELDS) {
      throw fail(`has ${fields.length} fields, not the ${FIELDS} of "query Q0 document rank score tag"`);
    }
    const [query, , id, rank, score] = fields as [string, string, string, string, string, string];
    if (!/^\d+$/.test(rank)) throw fail(`rank ${JSON.stringify(rank)} is no whole number`);
    if (!NUMBER.test(score) || !Number.isFinite(Number(score))) {
      throw fail(`score ${JSON.stringify(score)} is no number`);
    }
    const ofQuery = hits.get(query) ?? new Map<string, { score: number; rank: number }>();
    if (ofQuery.has(id)) throw fail(`query ${query} has document ${id} a second time`);
    hits.set(query, ofQuery.set(id, { score: Number(score), rank: Number(rank) }));
  }
  return new Map(
    [...hits].map(([query, ofQuery]) => [
      query,
      [...ofQuery]
        .sort(([, a], [, b]) => b.score - a.score || a.rank - b.rank)
        .map(([id, { score }]) => ({ id, score })),
    ]),
  );
}

/** The rankings alone, as the metrics take them. */
export function rankingsOf(run: ScoredRun): Run {
  return new Map([...run].map(([query, hits]) => [query, hits.map(({ id }) => id)]));
}

function requireWord(text: string, what: string): string {
  if (text !== "" && !WHITE_SPACE.test(text)) return text;
  throw new LzeroError(
    "run_invalid",
    `${what} ${JSON.stringify(text)} cannot be in a TREC run file: it is empty or has white space`,
    { [what]: text },
  );
}

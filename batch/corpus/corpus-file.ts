/**
 * A corpus file as documents: JSONL (also NDJSON and BEIR's `corpus.jsonl`) and CSV, plain or `.gz`, streamed. Out: each
 * document with the line it begins on, or a typed error in its place. Judges only form: whether a document is
 * acceptable is decided by the API that it is sent to.
 */
import { LzeroError } from "../../shared/errors.ts";
import { readCsv } from "./csv.ts";
import { decodeUtf8, type NumberedLine, readLines } from "./lines.ts";

/** A document as the API takes it; what it holds is not checked here. */
export type CorpusDocument = Readonly<Record<string, unknown>>;

export type CorpusRecord =
  | { readonly line: number; readonly document: CorpusDocument }
  | { readonly line: number; readonly error: LzeroError };

const JSONL_NAME = /\.(?:jsonl|ndjson|json)(?:\.gz)?$/i;
const CSV_NAME = /\.csv(?:\.gz)?$/i;
/** CSV columns that are fields of a document; every other column becomes metadata. */
const DOCUMENT_COLUMNS: ReadonlySet<string> = new Set(["id", "_id", "title", "text", "url"]);

/**
 * Opens a corpus by its name's ending; "-" is JSONL from standard input.
 * @throws LzeroError `corpus_format_unknown`, while reading `corpus_unreadable`, `corpus_line_too_long` and
 *   `corpus_header_missing`
 */
export function readCorpusFile(path: string): AsyncGenerator<CorpusRecord> {
  if (path === "-" || JSONL_NAME.test(path)) return readJsonLines(readLines(path), path);
  if (CSV_NAME.test(path)) return readCsvDocuments(path);
  throw new LzeroError(
    "corpus_format_unknown",
    `${path}: the name does not say what it is; known are .jsonl, .ndjson, .csv and these with .gz`,
    { path },
  );
}

async function* readJsonLines(
  lines: AsyncIterable<NumberedLine>,
  path: string,
): AsyncGenerator<CorpusRecord> {
  for await (const { line, bytes } of lines) {
    const fail = (message: string): CorpusRecord => ({
      line,
      error: new LzeroError("corpus_line_invalid", `${path}:${line}: ${message}`, { path, line }),
    });
    const text = decodeUtf8(bytes);
    if (text === null) {
      yield fail("not UTF-8");
      continue;
    }
    if (text.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      yield fail(`not JSON (${cause instanceof Error ? cause.message : String(cause)})`);
      continue;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) yield fail("not a JSON object");
    else yield { line, document: toDocument(value as Record<string, unknown>) };
  }
}

/** `_id` becomes `id`; fields that are there but say nothing (null, "", {}) are left out. */
function toDocument(value: Record<string, unknown>): CorpusDocument {
  const { _id, ...document } = value;
  if (_id !== undefined && document.id === undefined) document.id = _id;
  for (const field of ["title", "url", "metadata"]) {
    const content = document[field];
    const isEmpty =
      content === null ||
      content === "" ||
      (typeof content === "object" && !Array.isArray(content) && Object.keys(content).length === 0);
    if (isEmpty) delete document[field];
  }
  return document;
}

async function* readCsvDocuments(path: string): AsyncGenerator<CorpusRecord> {
  for await (const row of readCsv(readLines(path), path)) {
    if ("error" in row) {
      yield row;
      continue;
    }
    const document: Record<string, unknown> = {};
    const metadata: Record<string, string> = {};
    for (const [name, value] of row.fields) {
      if (DOCUMENT_COLUMNS.has(name)) document[name] = value;
      else if (value !== "") metadata[name] = value;
    }
    yield { line: row.line, document: toDocument({ ...document, metadata }) };
  }
}

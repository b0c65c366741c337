/**
 * CSV as RFC 4180 has it: a header, commas, fields in double quotes that may hold commas, line ends and doubled
 * quotes. In: numbered lines. Out: one record a row, by the header's names.
 */
import { LzeroError } from "../../shared/errors.ts";
import { decodeUtf8, MAX_LINE_BYTES, type NumberedLine } from "./lines.ts";

export type CsvRow =
  | { readonly line: number; readonly fields: ReadonlyMap<string, string> }
  | { readonly line: number; readonly error: LzeroError };

/**
 * Reads rows; a row that is malformed is an error in its place and reading goes on after it.
 * @param path named in errors
 * @throws LzeroError `corpus_header_missing` when there is no usable header
 */
export async function* readCsv(lines: AsyncIterable<NumberedLine>, path: string): AsyncGenerator<CsvRow> {
  let header: readonly string[] | null = null;
  for await (const record of readRecords(lines)) {
    const { line, text } = record;
    const fail = (message: string): LzeroError =>
      new LzeroError("corpus_line_invalid", `${path}:${line}: ${message}`, { path, line });
    const fields = text === null ? null : splitRecord(text);
    if (header === null) {
      if (fields === null || new Set(fields).size !== fields.length) {
        throw new LzeroError(
          "corpus_header_missing",
          `${path}:${line}: the first row is no header with distinct names`,
          { path, line },
        );
      }
      header = fields.map((name) => name.trim());
      continue;
    }
    if (text === "") continue;
    if (text === null) yield { line, error: fail("not UTF-8") };
    else if (fields === null)
      yield { line, error: fail("a quote is not closed, or stands inside a bare field") };
    else if (fields.length !== header.length) {
      yield { line, error: fail(`${fields.length} fields, the header has ${header.length}`) };
    } else yield { line, fields: new Map(header.map((name, at) => [name, fields[at]!])) };
  }
}

/** Joins lines while a quoted field is open: an odd number of quotes so far. */
async function* readRecords(
  lines: AsyncIterable<NumberedLine>,
): AsyncGenerator<{ readonly line: number; readonly text: string | null }> {
  let open: { line: number; text: string } | null = null;
  for await (const { line, bytes } of lines) {
    const text = decodeUtf8(bytes);
    if (text === null) {
      yield { line: open?.line ?? line, text: null };
      open = null;
      continue;
    }
    const joined: string = open === null ? text : `${open.text}\n${text}`;
    const first: number = open?.line ?? line;
    open = isClosed(joined) || joined.length > MAX_LINE_BYTES ? null : { line: first, text: joined };
    if (open === null) yield { line: first, text: joined };
  }
  if (open !== null) yield open;
}

function isClosed(text: string): boolean {
  let quotes = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) quotes++;
  return quotes % 2 === 0;
}

/** @returns null when quotes are misplaced */
export function splitRecord(text: string): string[] | null {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      let value = "";
      for (at++; ; at += 2) {
        const quote = text.indexOf('"', at);
        if (quote < 0) return null;
        value += text.slice(at, quote);
        at = quote;
        if (text[at + 1] !== '"') break;
        value += '"';
      }
      fields.push(value);
      at++;
      if (at < text.length && text[at] !== ",") return null;
    } else {
      const comma = text.indexOf(",", at);
      const value = text.slice(at, comma < 0 ? text.length : comma);
      if (value.includes('"')) return null;
      fields.push(value);
      at += value.length;
    }
    if (at >= text.length) return fields;
    at++;
  }
}

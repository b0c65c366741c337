/**
 * The body of `POST …/documents` → documents and refusals by position. In: bytes, their format and the index's rules.
 * Out: every position either as a document or with the reason why not. Reads no streams and counts no bytes of the
 * body: the caller has bounded it.
 */
import { LzeroError } from "../errors.ts";
import { checkDocument, type DocumentInput, type DocumentRules, type InputFault } from "./document-input.ts";
import { MAX_DOCUMENT_ID_BYTES, MAX_DOCUMENTS_PER_REQUEST } from "./limits.ts";
import { utf8SizeBytes } from "./size.ts";

export type BodyFormat = "json" | "ndjson";

export interface PositionedDocument {
  readonly position: number;
  readonly document: DocumentInput;
}

/** A position that does not go in. `retryable`: the same document may go in later, unchanged. */
export interface RejectedDocument extends InputFault {
  readonly position: number;
  readonly id?: string;
  readonly retryable?: boolean;
}

export interface ParsedDocuments {
  /** Positions in the request: documents of the array, or lines that are not blank. */
  readonly positions: number;
  readonly accepted: readonly PositionedDocument[];
  /** In ascending order of position. */
  readonly rejected: readonly RejectedDocument[];
}

const LINE_FEED = 0x0a;

/**
 * Reads the documents of a request.
 * @throws LzeroError `utf8_invalid` and `json_invalid` (a JSON array only: of NDJSON one line is refused),
 *   `body_not_array`, `documents_missing`, `too_many_documents`
 */
export function parseDocuments(body: Uint8Array, format: BodyFormat, rules: DocumentRules): ParsedDocuments {
  const values = format === "json" ? readArray(body) : readLines(body);
  if (values.length === 0) throw new LzeroError("documents_missing", "the request has no documents");
  const accepted: PositionedDocument[] = [];
  const rejected: RejectedDocument[] = [];
  const firstPositions = new Map<string, number>();
  for (const [position, item] of values.entries()) {
    if ("fault" in item) {
      rejected.push({ position, ...item.fault });
      continue;
    }
    const checked = checkDocument(item.value, rules);
    if ("fault" in checked) {
      rejected.push({ position, ...readableId(item.value), ...checked.fault });
      continue;
    }
    const { id } = checked.document;
    const first = firstPositions.get(id);
    if (first !== undefined) {
      const message = `id is that of position ${first} too; the first one goes in`;
      rejected.push({ position, id, code: "id_duplicate", message, field: "id" });
      continue;
    }
    firstPositions.set(id, position);
    accepted.push({ position, document: checked.document });
  }
  return { positions: values.length, accepted, rejected };
}

type Item = { readonly value: unknown } | { readonly fault: InputFault };

function readArray(body: Uint8Array): Item[] {
  const text = decodeUtf8(body);
  if (text === null) {
    const offset = findInvalidUtf8(body);
    throw new LzeroError("utf8_invalid", `the body is not UTF-8 from byte ${offset} on`, { offset });
  }
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (cause) {
    const { position, offset } = locateJsonFault(text);
    const message = `the body is not JSON: position ${position}, which begins at character ${offset}, is malformed`;
    throw new LzeroError("json_invalid", message, { position, offset }, cause);
  }
  if (!Array.isArray(values)) {
    throw new LzeroError("body_not_array", "the body is not a JSON array of documents");
  }
  refuseTooMany(values.length);
  return values.map((value: unknown) => ({ value }));
}

function readLines(body: Uint8Array): Item[] {
  const items: Item[] = [];
  for (let from = 0, line = 1; from < body.length; line++) {
    const feed = body.indexOf(LINE_FEED, from);
    const to = feed < 0 ? body.length : feed;
    const item = readLine(body.subarray(from, to), line);
    if (item !== null) items.push(item);
    refuseTooMany(items.length);
    from = to + 1;
  }
  return items;
}

/** @returns null for a blank line, which has no position */
function readLine(bytes: Uint8Array, line: number): Item | null {
  const text = decodeUtf8(bytes);
  if (text === null) {
    const offset = findInvalidUtf8(bytes);
    return {
      fault: { code: "utf8_invalid", message: `line ${line} is not UTF-8 from its byte ${offset} on` },
    };
  }
  if (text.trim() === "") return null;
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { fault: { code: "json_invalid", message: `line ${line} is not JSON` } };
  }
}

function refuseTooMany(count: number): void {
  if (count > MAX_DOCUMENTS_PER_REQUEST) {
    throw new LzeroError(
      "too_many_documents",
      `the request has more than ${MAX_DOCUMENTS_PER_REQUEST} documents`,
      { limit: MAX_DOCUMENTS_PER_REQUEST },
    );
  }
}

/** The id of a refused document, if it has one that can be quoted. */
function readableId(value: unknown): { id?: string } {
  const id = typeof value === "object" && value !== null ? (value as { id?: unknown }).id : undefined;
  return typeof id === "string" && utf8SizeBytes(id) <= MAX_DOCUMENT_ID_BYTES
    ? { id: id.toWellFormed() }
    : {};
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    return null;
  }
}

/** The first byte that belongs to no well-formed sequence. */
function findInvalidUtf8(bytes: Uint8Array): number {
  let offset = 0;
  while (offset < bytes.length) {
    const size = sequenceSize(bytes, offset);
    if (size === 0) return offset;
    offset += size;
  }
  return bytes.length;
}

/** Bytes of the UTF-8 sequence at an offset, 0 when it is malformed (RFC 3629, section 4). */
function sequenceSize(bytes: Uint8Array, offset: number): number {
  const lead = bytes[offset]!;
  if (lead < 0x80) return 1;
  const size =
    lead >= 0xc2 && lead <= 0xdf
      ? 2
      : lead >= 0xe0 && lead <= 0xef
        ? 3
        : lead >= 0xf0 && lead <= 0xf4
          ? 4
          : 0;
  if (size === 0 || decodeUtf8(bytes.subarray(offset, offset + size)) === null) return 0;
  return size;
}

/**
 * Finds the element of a malformed JSON array at which it goes wrong.
 * @returns its position, and the offset of its first character in UTF-16 units
 */
export function locateJsonFault(text: string): { readonly position: number; readonly offset: number } {
  let offset = skipBlank(text, 0);
  if (text[offset] !== "[") return { position: 0, offset };
  offset = skipBlank(text, offset + 1);
  for (let position = 0; ; position++) {
    const end = findElementEnd(text, offset);
    if (!isJson(text.slice(offset, end))) return { position, offset };
    // What goes wrong after the last element stands where the next one would.
    if (text[end] === "]") return { position: position + 1, offset: skipBlank(text, end + 1) };
    if (text[end] !== ",") return { position: position + 1, offset: end };
    offset = skipBlank(text, end + 1);
  }
}

/** The comma or bracket that ends the element which begins here, or the end of the text. */
function findElementEnd(text: string, from: number): number {
  let depth = 0;
  let inString = false;
  for (let i = from; i < text.length; i++) {
    const character = text[i];
    if (inString) {
      if (character === "\\") i++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "[" || character === "{") depth++;
    else if (character === "]" || character === "}") {
      if (depth === 0) return i;
      depth--;
    } else if (character === "," && depth === 0) return i;
  }
  return text.length;
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (at < text.length && " \t\r\n".includes(text[at]!)) at++;
  return at;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

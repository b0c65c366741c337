/**
 * The conditions of single-document requests (RFC 9110, section 13). A document's entity tag is its version in quotes.
 * In: headers. Out: what the catalog takes.
 */
import { LzeroError } from "../../shared/errors.ts";
import { MAX_VERSION } from "../../shared/messages/limits.ts";

const ENTITY_TAG = /^"(\d{1,16})"$/;

export function entityTag(version: number): string {
  return `"${version}"`;
}

/**
 * What a write asks for.
 * @returns the version that its document must be at, null when there must be none, undefined without a condition
 * @throws LzeroError `condition_invalid`
 */
export function readWriteCondition(headers: Headers): number | null | undefined {
  const ifMatch = headers.get("if-match");
  const ifNoneMatch = headers.get("if-none-match");
  if (ifMatch !== null && ifNoneMatch !== null) {
    throw invalid("If-Match and If-None-Match exclude each other");
  }
  if (ifMatch !== null) return readTag(ifMatch);
  if (ifNoneMatch === null) return undefined;
  if (ifNoneMatch.trim() === "*") return null;
  throw invalid('If-None-Match takes *, "write only if there is no such document"');
}

/** What a deletion asks for: the version to delete. @throws LzeroError `condition_invalid` */
export function readDeleteCondition(headers: Headers): number | undefined {
  if (headers.has("if-none-match")) throw invalid("a deletion takes If-Match alone");
  const ifMatch = headers.get("if-match");
  return ifMatch === null ? undefined : readTag(ifMatch);
}

/** Whether a reader has this version already, by If-None-Match: a list of tags, weak ones too, or *. */
export function isNotModified(headers: Headers, version: number): boolean {
  const tags = headers.get("if-none-match")?.split(",") ?? [];
  return tags.some((tag) => tag.trim() === "*" || tag.trim().replace(/^W\//, "") === entityTag(version));
}

function readTag(text: string): number {
  const version = Number(ENTITY_TAG.exec(text.trim())?.[1] ?? Number.NaN);
  if (version <= MAX_VERSION) return version;
  throw invalid('If-Match takes one version in quotes, as in the ETag of the document: "17"');
}

function invalid(message: string): LzeroError {
  return new LzeroError("condition_invalid", message);
}

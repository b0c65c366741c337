/**
 * The document that a client sends: its schema and the rules for its id. In: one parsed JSON value. Out: the document
 * with well-formed strings, or why it is refused. Knows nothing of requests; `parse-documents.ts` does.
 */
import * as z from "zod";
import type { EncodedField } from "./document.ts";
import { encodedText, type Metadata, metadataSchema, versionSchema } from "./document.ts";
import { MAX_DOCUMENT_BYTES, MAX_DOCUMENT_ID_BYTES } from "./limits.ts";
import { queuedSizeBytes, utf8SizeBytes } from "./size.ts";

/**
 * What the API documents and checks; `version` is for indexes with external versions alone. `ifVersion` and `ifAbsent`
 * make a write conditional: it fails with `version_conflict` unless it finds its document at that version, or none.
 */
export const documentInputSchema = z.strictObject({
  id: z.string(),
  text: z.string(),
  title: z.string().optional(),
  url: z.string().optional(),
  metadata: metadataSchema.optional(),
  version: versionSchema.optional(),
  ifVersion: versionSchema.optional().describe("Write only if the document is at this version"),
  ifAbsent: z.literal(true).optional().describe("Write only if there is no such document"),
});

export interface DocumentInput {
  readonly id: string;
  readonly text: string;
  readonly title?: string;
  readonly url?: string;
  readonly metadata?: Metadata;
  readonly version?: number;
  /** The version that the write must find; null: no document. */
  readonly ifVersion?: number | null;
}

/** Why a document or an id is refused; `field` is the JSON path, e.g. `metadata.year`. */
export interface InputFault {
  readonly code: string;
  readonly message: string;
  readonly field?: string;
}

export interface DocumentRules {
  readonly versions: "sequence" | "external";
  readonly encodedFields: readonly EncodedField[];
}

/** Control characters have no place in an id: they break logs, headers and look-alike checks. */
const CONTROL_CHARACTER = /\p{Cc}/u;

/** @returns null for an id that may stand in URLs and keys, else what is wrong with it */
export function findIdFault(id: string): InputFault | null {
  const fault = (code: string, message: string): InputFault => ({ code, message, field: "id" });
  if (id.length === 0) return fault("id_empty", "id is empty");
  if (utf8SizeBytes(id) > MAX_DOCUMENT_ID_BYTES) {
    return fault(
      "id_too_long",
      `id has ${utf8SizeBytes(id)} bytes in UTF-8, at most ${MAX_DOCUMENT_ID_BYTES}`,
    );
  }
  if (CONTROL_CHARACTER.test(id)) return fault("id_invalid", "id has a control character");
  if (id.includes("/")) return fault("id_invalid", 'id has a "/"');
  if (id === "." || id.includes("..")) return fault("id_invalid", 'id is "." or has ".."');
  return null;
}

/** Checks one document. Lone surrogates become U+FFFD first. */
export function checkDocument(
  value: unknown,
  rules: DocumentRules,
): { readonly document: DocumentInput } | { readonly fault: InputFault } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { fault: { code: "document_invalid", message: "a document is a JSON object" } };
  }
  const parsed = documentInputSchema.safeParse(value);
  if (!parsed.success) return { fault: describeIssue(value, parsed.error.issues[0]) };
  const { id, text, title, url, metadata, version, ifVersion, ifAbsent } = parsed.data;
  if (ifVersion !== undefined && ifAbsent !== undefined) {
    return {
      fault: {
        code: "condition_invalid",
        message: "ifVersion and ifAbsent exclude each other",
        field: "ifAbsent",
      },
    };
  }
  // Zod's records leave this key out; silently would be a loss.
  if (metadata !== undefined && Object.hasOwn((value as { metadata: object }).metadata, "__proto__")) {
    return {
      fault: {
        code: "field_unknown",
        message: "metadata may not have __proto__",
        field: "metadata.__proto__",
      },
    };
  }
  const document: DocumentInput = {
    id: id.toWellFormed(),
    text: text.toWellFormed(),
    ...(title === undefined ? {} : { title: title.toWellFormed() }),
    ...(url === undefined ? {} : { url: url.toWellFormed() }),
    ...(metadata === undefined ? {} : { metadata: toWellFormedMetadata(metadata) }),
    ...(version === undefined ? {} : { version }),
    ...(ifVersion === undefined ? {} : { ifVersion }),
    ...(ifAbsent === undefined ? {} : { ifVersion: null }),
  };
  const fault =
    findIdFault(document.id) ?? findVersionFault(document, rules) ?? findTextFault(document, rules);
  return fault === null ? { document } : { fault };
}

function findVersionFault(document: DocumentInput, rules: DocumentRules): InputFault | null {
  if (rules.versions === "sequence" && document.version !== undefined) {
    return {
      code: "version_not_allowed",
      message: "version is not allowed: this index numbers its versions itself",
      field: "version",
    };
  }
  if (rules.versions === "external" && document.version === undefined) {
    return {
      code: "version_required",
      message: "version is missing: this index takes external versions",
      field: "version",
    };
  }
  const { version, ifVersion = null } = document;
  if (version !== undefined && ifVersion !== null && ifVersion >= version) {
    return {
      code: "condition_invalid",
      message: "ifVersion is not lower than version: the write could never take its place",
      field: "ifVersion",
    };
  }
  return null;
}

function findTextFault(document: DocumentInput, rules: DocumentRules): InputFault | null {
  if (document.text.trim() === "") return { code: "text_empty", message: "text is empty", field: "text" };
  const sizeBytes = queuedSizeBytes(document);
  if (sizeBytes > MAX_DOCUMENT_BYTES) {
    const field = largestField(document);
    return {
      code: "document_too_large",
      message: `the document has ${sizeBytes} bytes as JSON, at most ${MAX_DOCUMENT_BYTES}; most of it is ${field}`,
      field,
    };
  }
  if (encodedText(document, rules.encodedFields).trim() === "") {
    const fields = rules.encodedFields.join(", ");
    return {
      code: "encoded_text_empty",
      message: `nothing to encode: this index encodes ${fields}, which the document lacks`,
      field: rules.encodedFields[0]!,
    };
  }
  return null;
}

function largestField(document: DocumentInput): string {
  const sizes = Object.entries(document).map(([field, value]) => ({ field, size: queuedSizeBytes(value) }));
  return sizes.reduce((largest, entry) => (entry.size > largest.size ? entry : largest)).field;
}

function toWellFormedMetadata(metadata: Metadata): Metadata {
  const clean = (value: string | number | boolean | null): string | number | boolean | null =>
    typeof value === "string" ? value.toWellFormed() : value;
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [
      key.toWellFormed(),
      Array.isArray(value) ? value.map(clean) : clean(value),
    ]),
  );
}

/** Turns Zod's first complaint into a code of ours and a sentence that names the field. */
function describeIssue(value: object, issue: z.core.$ZodIssue | undefined): InputFault {
  if (issue === undefined) return { code: "document_invalid", message: "the document is invalid" };
  if (issue.code === "unrecognized_keys") {
    const field = [...issue.path, issue.keys[0]].join(".").slice(0, 200);
    return { code: "field_unknown", message: `${field} is not a field of a document`, field };
  }
  const field = issue.path.join(".").slice(0, 200);
  const top = String(issue.path[0]);
  if (issue.path.length === 1 && !Object.hasOwn(value, top)) {
    return { code: "field_missing", message: `${field} is missing`, field };
  }
  if (top === "version" || top === "ifVersion") {
    return { code: "version_invalid", message: `${top} is not an integer from 0 to 2^53 - 1`, field };
  }
  if (top === "ifAbsent") {
    return { code: "condition_invalid", message: "ifAbsent is true or left out", field };
  }
  const wanted = top === "metadata" ? "a string, number, boolean, null or an array of these" : "a string";
  const isWhole = top === "metadata" && issue.path.length === 1;
  return { code: "field_type", message: `${field} is not ${isWhole ? "an object" : wanted}`, field };
}

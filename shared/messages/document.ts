/**
 * A document as clients send it and as messages carry it. Strings are well-formed Unicode once parsed: a lone
 * surrogate becomes U+FFFD, so that one text has one meaning in HTTP, SQS and KV.
 */
import * as z from "zod";
import { MAX_VERSION } from "./limits.ts";

/** Fields of a document whose text may be encoded. */
export const ENCODED_FIELDS = ["title", "text"] as const;
export type EncodedField = (typeof ENCODED_FIELDS)[number];

const jsonScalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
export const metadataSchema = z.record(z.string(), z.union([jsonScalar, z.array(jsonScalar)]));
export type Metadata = z.infer<typeof metadataSchema>;

/** Versions order writes of one document; the highest wins whatever the order of arrival. */
export const versionSchema = z.int().min(0).max(MAX_VERSION);

/** What the index stores and gives back with a hit. */
export interface StoredFields {
  readonly title: string | null;
  readonly text: string;
  readonly url: string | null;
  readonly metadata: Metadata | null;
}

/** What is encoded of a document: the chosen fields that are there, joined by one space. */
export function encodedText(
  document: { readonly title?: string | null | undefined; readonly text: string },
  fields: readonly EncodedField[],
): string {
  return fields
    .map((field) => document[field])
    .filter((value): value is string => typeof value === "string" && value.length > 0)
    .join(" ");
}

/** Checks the query tables that a manifest names: one page is read, the size of the vocabulary comes out. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { PAGE_HEADER_BYTES } from "../format/page.ts";
import { decodeQueryTables } from "../format/query-tables.ts";
import { tablesKey } from "../storage/keys.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import type { ProblemList } from "./problem.ts";

/** @returns entries of the vocabulary; null when the tables cannot be read */
export function checkQueryTables(
  value: Uint8Array,
  fingerprint: string,
  problems: ProblemList,
): number | null {
  const key = tablesKey(fingerprint);
  const tables = problems.attempt(key, () => decodeQueryTables(value, fingerprint, key));
  if (tables === null) return null;
  // Readers compare the fingerprint with the page's owner only; here the payload itself is hashed.
  const actual = bytesToHex(sha256(value.subarray(PAGE_HEADER_BYTES))).slice(0, 32);
  if (actual !== fingerprint) {
    problems.add("fingerprint_wrong", key, `the tables' fingerprint is ${actual}, expected ${fingerprint}`, {
      stated: fingerprint,
      found: actual,
    });
  }
  try {
    Vocabulary.parse(tables.vocabulary);
  } catch (error) {
    problems.addError(error, key);
  }
  return tables.idf.length;
}

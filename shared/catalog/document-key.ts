/** The fixed-size name by which the catalog knows a document. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/**
 * Hashes a document id.
 * @param id the client's id, well-formed Unicode
 * @returns the first 128 bits of SHA-256 over the id in UTF-8, as 32 hex digits
 */
export function documentKey(id: string): string {
  return bytesToHex(sha256(new TextEncoder().encode(id)).subarray(0, 16));
}

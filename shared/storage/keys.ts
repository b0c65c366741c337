/**
 * The key layout in KV. Index names begin with `[a-z0-9]`, so keys that begin with `_` never collide with an index.
 *
 *     {index}/manifest             the one mutable key of an index: its current generation
 *     {index}/{segmentId}/{page}   a page; segmentId is 32 hex digits, random per attempt, never reused
 *     _tables/{fingerprint}        query tables (vocabulary, IDF) by their fingerprint, shared by indexes
 */

export const INDEX_NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,63}$/;
export const SEGMENT_ID_PATTERN = /^[0-9a-f]{32}$/;
/** First 128 bits of a SHA-256 in hex: models and query tables. */
export const FINGERPRINT_PATTERN = /^[0-9a-f]{32}$/;

export function manifestKey(index: string): string {
  return `${index}/manifest`;
}

export function pageKey(index: string, segmentId: string, page: number): string {
  return `${index}/${segmentId}/${page}`;
}

export function tablesKey(fingerprint: string): string {
  return `_tables/${fingerprint}`;
}

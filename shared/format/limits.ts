/** Sizes that the segment codec aims at or refuses to pass, with their reasons. */

/**
 * Ordinals lie below this, so that a gap fits a varint of four bytes. Far above what one segment holds: a
 * merge keeps some bytes of each document in memory.
 */
export const MAX_SEGMENT_DOCUMENTS = 2 ** 28 - 1;
/** Term ids lie below this; vocabularies of WordPiece models have 30 to 250 thousand entries. */
export const MAX_TERM_ID = 2 ** 20 - 1;
/** A segment up to this size is one page: one read instead of three for a small index. */
export const INLINE_SEGMENT_BYTES = 256 * 1024;
/** A posting list longer than this has a page of its own, so that one read gives all of it and nothing else. */
export const LARGE_LIST_BYTES = 32 * 1024;
/** A longer list is split over several pages, between windows; a window has 200 KB at most. */
export const LIST_PART_BYTES = 1024 * 1024;
/** A page of small lists is closed before it would pass this. */
export const POSTING_PAGE_BYTES = 128 * 1024;
/**
 * A document page is closed before it would pass this; a larger record has a page of its own. Ten hits of clustered
 * documents lie in 7.1 such pages, in 8.0 of 64 KiB and 6.1 of 1 MiB, but every page that is read is summed up as a
 * whole (test/bench/layouts/README.md).
 */
export const DOCUMENT_PAGE_BYTES = 256 * 1024;

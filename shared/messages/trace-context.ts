/**
 * The `traceparent` header (W3C Trace Context, section 3.2). In: what a client sent, or a message said. Out: the value to
 * carry on, or nothing. No spans are made here: the trace id ties the log lines of one request together.
 */

/** Version 00: version, trace id, parent id, flags. */
export const TRACEPARENT_PATTERN = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** Later versions begin alike and may have more after the flags. */
const LATER_VERSION = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-|$)/;
const MAX_LENGTH = 512;

/** @returns the header as version 00, or null for one that is absent or says nothing */
export function parseTraceparent(header: string | null | undefined): string | null {
  const text = header?.trim() ?? "";
  if (text.length > MAX_LENGTH) return null;
  const fields = LATER_VERSION.exec(text);
  const isKnown = text.startsWith("00-") ? TRACEPARENT_PATTERN.test(text) : !text.startsWith("ff-");
  if (fields === null || !isKnown) return null;
  const [, traceId = "", parentId = "", flags = ""] = fields;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return null;
  return `00-${traceId}-${parentId}-${flags}`;
}

/** @returns the 32 hex digits that name the trace, or null */
export function traceIdOf(traceparent: string | null | undefined): string | null {
  return parseTraceparent(traceparent)?.slice(3, 35) ?? null;
}

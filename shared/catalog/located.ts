/** What the catalog was told of a segment's documents, for whoever compares it with the pages. */
import { LzeroError } from "../errors.ts";
import { type CatalogContext, readState } from "./context.ts";
import type { LocatedRequest, LocatedResponse } from "./history-commands.ts";
import { chunkFirstOrdinal, chunkKey, chunkPrefix } from "./keys.ts";
import { prefixRange } from "./ordered-store.ts";
import { decodeChunk } from "./rows.ts";
import { findSegment } from "./segments.ts";

export function located(context: CatalogContext, request: LocatedRequest): LocatedResponse {
  readState(context);
  const { segmentId, firstOrdinal } = request;
  const row = findSegment(context, segmentId);
  if (row === null || row.state !== "committed") {
    throw new LzeroError("segment_not_found", `the catalog has no committed segment ${segmentId}`, {
      segmentId,
    });
  }
  const [chunk] = context.store.list({
    ...prefixRange(chunkPrefix(row.segment)),
    end: chunkKey(row.segment, firstOrdinal + 1),
    limit: 1,
    reverse: true,
  });
  const documents = chunk === undefined ? [] : decodeChunk(chunk.value);
  const skipped = chunk === undefined ? 0 : firstOrdinal - chunkFirstOrdinal(chunk.key);
  return { documents: documents.slice(skipped).map(([key, version]) => ({ key, version })) };
}

/** The stored documents of places in segments. In: decoded roots and ordinals. Out: documents in the same order. */
import { decodeStoredDocument, type SegmentRoot } from "../format/segment-reader.ts";
import type { StoredDocument } from "../format/stored-document.ts";
import type { SegmentSource } from "./segment-source.ts";

export interface DocumentPlace {
  readonly root: SegmentRoot;
  readonly ordinal: number;
}

/**
 * Reads documents, each page once.
 * @throws LzeroError `page_missing` and those of the decoders
 */
export function readDocuments(
  source: Pick<SegmentSource, "page">,
  places: readonly DocumentPlace[],
): Promise<StoredDocument[]> {
  const payloads = new Map<string, Promise<Uint8Array>>();
  return Promise.all(
    places.map(async ({ root, ordinal }) => {
      const { page } = root.documentPageOf(ordinal);
      const key = root.pageKey(page);
      const payload = payloads.get(key) ?? source.page(root, page);
      payloads.set(key, payload);
      return decodeStoredDocument(root, await payload, ordinal);
    }),
  );
}

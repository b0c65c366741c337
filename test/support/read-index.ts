/** Reads all that an index holds, page by page, for tests that compare it with what it should hold. */

import type { Manifest } from "../../shared/format/manifest.ts";
import {
  decodePostingList,
  decodeSegmentPage,
  decodeSegmentRoot,
  decodeStoredDocument,
} from "../../shared/format/segment-reader.ts";
import { pageKey } from "../../shared/storage/keys.ts";
import type { PageReader } from "../../shared/storage/page-store.ts";

export interface FoundDocument {
  readonly id: string;
  readonly version: number;
  readonly text: string;
  /** [termId, impact], ascending. */
  readonly terms: readonly (readonly [number, number])[];
}

/** @returns the live documents of a generation, by id; a document that is there twice comes twice */
export async function readIndex(store: PageReader, manifest: Manifest): Promise<FoundDocument[]> {
  const found: FoundDocument[] = [];
  for (const { segmentId, documents, pages, tombstones } of manifest.segments) {
    const values: Uint8Array[] = [];
    for (let page = 0; page < pages; page++) {
      const value = await store.read(pageKey(manifest.index, segmentId, page));
      if (value === null) throw new Error(`page ${page} of segment ${segmentId} is not there`);
      values.push(value);
    }
    const root = decodeSegmentRoot(values[0]!, segmentId, pageKey(manifest.index, segmentId, 0));
    const payloadOf = (page: number) =>
      page === 0 ? root.inlinePayload! : decodeSegmentPage(root, values[page]!, page);
    const terms = Array.from({ length: documents }, (): [number, number][] => []);
    for (const entry of root.entries()) {
      const { ordinals, impacts } = decodePostingList(root, payloadOf, entry);
      for (const [at, ordinal] of ordinals.entries()) terms[ordinal]!.push([entry.termId, impacts[at]!]);
    }
    const dead = new Set(tombstones);
    for (let ordinal = 0; ordinal < documents; ordinal++) {
      if (dead.has(ordinal)) continue;
      const document = decodeStoredDocument(root, payloadOf(root.documentPageOf(ordinal).page), ordinal);
      const { id, version } = document;
      found.push({ id, version, text: document.fields.text, terms: terms[ordinal]! });
    }
  }
  return found.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** Every key that the manifest's segments have. */
export function keysOf(manifest: Manifest): string[] {
  return manifest.segments.flatMap(({ segmentId, pages }) =>
    Array.from({ length: pages }, (_, page) => pageKey(manifest.index, segmentId, page)),
  );
}

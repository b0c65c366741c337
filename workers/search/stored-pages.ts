/** Single pages and documents of a segment, for what is not a search. A page that is absent is `page_missing`. */
import type { DocumentLocation } from "../../shared/catalog/commands.ts";
import { LzeroError } from "../../shared/errors.ts";
import {
  decodeSegmentPage,
  decodeSegmentRoot,
  decodeStoredDocument,
  type SegmentRoot,
} from "../../shared/format/segment-reader.ts";
import type { StoredDocument } from "../../shared/format/stored-document.ts";
import { pageKey } from "../../shared/storage/keys.ts";
import type { ReadContext } from "./read-context.ts";

export async function readStoredDocument(
  context: ReadContext,
  { segmentId, ordinal }: DocumentLocation,
): Promise<StoredDocument> {
  const root = await readRoot(context, segmentId);
  const payload = await readPayload(context, root, root.documentPageOf(ordinal).page);
  return decodeStoredDocument(root, payload, ordinal);
}

export async function readRoot(context: ReadContext, segmentId: string): Promise<SegmentRoot> {
  const held = context.roots.get(segmentId);
  if (held !== undefined) return held;
  const key = pageKey(context.index, segmentId, 0);
  const root = decodeSegmentRoot(await readPage(context, key), segmentId, key);
  context.roots.set(segmentId, root);
  return root;
}

/** The checked payload of a page; page 0 stands for what lies in the root itself. */
export async function readPayload(
  context: ReadContext,
  root: SegmentRoot,
  page: number,
): Promise<Uint8Array> {
  if (page === 0 && root.inlinePayload !== null) return root.inlinePayload;
  return decodeSegmentPage(root, await readPage(context, root.pageKey(page)), page);
}

async function readPage(context: ReadContext, key: string): Promise<Uint8Array> {
  const value = await context.pages.read(key);
  if (value === null) throw new LzeroError("page_missing", `${key} is not in KV`, { key });
  return value;
}

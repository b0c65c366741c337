/**
 * Posting lists of a collection in the two orders of documents. The clustered order of a large collection takes a while,
 * so that it is kept in the collection's folder, under a hash of what it depends on.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../../batch/encoders/open-encoder.ts";
import { orderDocuments } from "../../../shared/format/order-documents.ts";
import { StrongTerms } from "../../../shared/format/strong-terms.ts";
import type { InvertedLists } from "../peers/inverted-lists.ts";

export const ORDERS = ["given", "clustered"] as const;
export type Order = (typeof ORDERS)[number];

const SOURCES = ["order-documents.ts", "strong-terms.ts"];

/** @returns the document at each place, as a merge would lay them */
export function clusteredOrder(lists: InvertedLists, folder: string): Uint32Array {
  const hash = createHash("sha256")
    .update(`${lists.documents} ${lists.ordinals.length}`)
    .update(lists.impacts);
  for (const name of SOURCES) hash.update(readFileSync(join(packageRoot(), "shared", "format", name)));
  const path = join(folder, `order-${hash.digest("hex").slice(0, 16)}.u32`);
  if (existsSync(path)) return new Uint32Array(Uint8Array.from(readFileSync(path)).buffer);
  const startedMs = performance.now();
  const strong = new StrongTerms(lists.documents);
  for (let term = 0; term + 1 < lists.offsets.length; term++) {
    strong.add(lists.ordinals, lists.impacts, lists.offsets[term]!, lists.offsets[term + 1]!);
  }
  const order = orderDocuments(strong.rows());
  console.error(
    `clustered ${lists.documents} documents in ${((performance.now() - startedMs) / 1000).toFixed(0)} s`,
  );
  writeFileSync(path, order);
  return order;
}

/** The same lists with the document at `order[place]` as ordinal `place`. */
export function reorderLists(lists: InvertedLists, order: Uint32Array): InvertedLists {
  const placeOf = new Uint32Array(order.length);
  for (let place = 0; place < order.length; place++) placeOf[order[place]!] = place;
  const ordinals = lists.ordinals.map((document) => placeOf[document]!);
  const impacts = new Uint8Array(ordinals.length);
  const impactOf = new Uint8Array(lists.documents);
  for (let term = 0; term + 1 < lists.offsets.length; term++) {
    const start = lists.offsets[term]!;
    const end = lists.offsets[term + 1]!;
    for (let at = start; at < end; at++) impactOf[ordinals[at]!] = lists.impacts[at]!;
    ordinals.subarray(start, end).sort();
    for (let at = start; at < end; at++) impacts[at] = impactOf[ordinals[at]!]!;
  }
  return { ...lists, ordinals, impacts };
}

export function givenOrder(documents: number): Uint32Array {
  return Uint32Array.from({ length: documents }, (_, document) => document);
}

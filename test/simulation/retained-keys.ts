/** What must stay in KV: the pages of every generation that the catalog retains. */
import type { Catalog } from "../../shared/catalog/catalog.ts";
import { pageKey } from "../../shared/storage/keys.ts";

export function retainedKeys(catalog: Catalog, index: string): Set<string> {
  const keys = new Set<string>();
  for (const { generation } of catalog.generations().generations) {
    for (const { segmentId, pages } of catalog.manifest(generation).segments) {
      for (let page = 0; page < pages; page++) keys.add(pageKey(index, segmentId, page));
    }
  }
  return keys;
}

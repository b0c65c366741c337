/** What must stay in KV: the pages of every generation that the catalog retains. */
import type { Catalog } from "../../shared/catalog/catalog.ts";
import { isLzeroError } from "../../shared/errors.ts";
import type { Manifest } from "../../shared/format/manifest.ts";
import { pageKey } from "../../shared/storage/keys.ts";

/** @param newest the current generation */
export function retainedKeys(catalog: Catalog, index: string, newest: number): Set<string> {
  const keys = new Set<string>();
  for (let generation = newest; generation >= 0; generation--) {
    const manifest = retainedManifest(catalog, generation);
    if (manifest === null) break;
    for (const { segmentId, pages } of manifest.segments) {
      for (let page = 0; page < pages; page++) keys.add(pageKey(index, segmentId, page));
    }
  }
  return keys;
}

/** Null when the generation is retained no longer. */
export function retainedManifest(catalog: Catalog, generation: number): Manifest | null {
  try {
    return catalog.manifest(generation);
  } catch (error) {
    if (isLzeroError(error, "generation_not_found")) return null;
    throw error;
  }
}

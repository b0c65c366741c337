/** The settings of an index, which never change: asked of the catalog once, then kept in the isolate. */
import type { IndexSettings } from "../shared/catalog/commands.ts";
import type { CatalogClient } from "./catalog-client.ts";
import type { IsolateCache } from "./isolate-cache.ts";

const SETTINGS_BYTES = 512;

/** @throws LzeroError `index_not_found`, `catalog_unavailable` */
export async function indexSettings(
  cache: IsolateCache,
  catalog: CatalogClient,
  index: string,
): Promise<IndexSettings> {
  const settings = await cache.getOrLoad(`settings:${index}`, async () => {
    const status = await catalog.status();
    return { value: status.settings, sizeBytes: SETTINGS_BYTES };
  });
  // The load above gives a value or throws.
  return settings!;
}

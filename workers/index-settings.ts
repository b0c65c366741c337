/** What never changes about an index: asked of the catalog once, then kept in the isolate. */
import type { ShardPlace } from "../shared/catalog/shard-place.ts";
import type { DocumentRules } from "../shared/messages/document-input.ts";
import type { IsolateCache } from "./isolate-cache.ts";

const SETTINGS_BYTES = 512;

export interface IndexFacts {
  readonly settings: DocumentRules;
  /** Null: the index is whole. */
  readonly shard: ShardPlace | null;
}

/** @throws LzeroError `index_not_found`, `catalog_unavailable` */
export async function indexFacts(
  cache: IsolateCache,
  catalog: {
    status(): Promise<{ readonly settings: DocumentRules; readonly shard?: ShardPlace | undefined }>;
  },
  index: string,
): Promise<IndexFacts> {
  const facts = await cache.getOrLoad(`facts:${index}`, async () => {
    const { settings, shard = null } = await catalog.status();
    return { value: { settings, shard }, sizeBytes: SETTINGS_BYTES };
  });
  // The load above gives a value or throws.
  return facts!;
}

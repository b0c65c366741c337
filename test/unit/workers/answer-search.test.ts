import { describe, expect, it } from "vitest";
import { encodeManifest, type Manifest } from "../../../shared/format/manifest.ts";
import type { CatalogClient } from "../../../workers/catalog-client.ts";
import { IsolateCache } from "../../../workers/isolate-cache.ts";
import { IsolateRootCache } from "../../../workers/isolate-root-cache.ts";
import { CachedPageReader } from "../../../workers/kv-page-reader.ts";
import { answerSearch } from "../../../workers/search/answer-search.ts";
import type { ReadContext } from "../../../workers/search/read-context.ts";
import { TEST_SETTINGS } from "../../support/local-catalog.ts";

function emptyManifest(generation: number): Uint8Array<ArrayBuffer> {
  const manifest: Manifest = {
    index: "demo",
    generation,
    createdAtMs: 0,
    settings: TEST_SETTINGS,
    model: null,
    segments: [],
  };
  return encodeManifest(manifest).slice();
}

describe("answerSearch", () => {
  it("does not go back below a generation without documents that it has answered from", async () => {
    let shown = emptyManifest(7);
    const kv = { get: async () => shown.buffer } as unknown as KVNamespace;
    const cache = new IsolateCache(0); // holds nothing: only the floor is left
    const context: ReadContext = {
      index: "demo",
      kv,
      cache,
      catalog: { manifest: async () => emptyManifest(8) } as unknown as CatalogClient,
      pages: new CachedPageReader(kv, cache),
      roots: new IsolateRootCache(cache),
      nowMs: () => 0,
    };
    const request = { q: "lake", k: 10, offset: 0, highlight: false };
    expect((await answerSearch(context, request)).generation).toBe(7);
    shown = emptyManifest(5);
    expect((await answerSearch(context, request)).generation).toBe(8);
  });
});

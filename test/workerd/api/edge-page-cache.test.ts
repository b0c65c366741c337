import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { encodePage, PAGE_KIND } from "../../../shared/format/page.ts";
import { pageKey } from "../../../shared/storage/keys.ts";
import { EdgePageCache } from "../../../workers/edge-page-cache.ts";
import { IsolateCache } from "../../../workers/isolate-cache.ts";
import type { SearchAnswer } from "../../../workers/search/answer-search.ts";
import { env, makeTestApp, NO_CATALOG, randomSegmentId, writeIndex } from "./support.ts";

const DOCUMENTS = [
  { id: "web", text: "what a spider makes" },
  { id: "night", text: "a star in the sky" },
];

let count = 0;
const newIndex = () => `edge-${++count}`;

/** Searches as an isolate that holds nothing, and waits for what goes on after the answer. */
async function searchCold(index: string, host: string, pageCache: string | undefined) {
  const { app } = makeTestApp(NO_CATALOG);
  const context = createExecutionContext();
  const request = new Request(`https://${host}/v1/indexes/${index}/search?q=spider`);
  const response = await app.fetch(request, { ...env, PAGE_CACHE: pageCache }, context);
  const answer = await response.json<SearchAnswer>();
  await waitOnExecutionContext(context);
  const timing = response.headers.get("server-timing") ?? "";
  return {
    status: response.status,
    ids: answer.hits?.map(({ id }) => id),
    kvReads: Number(/kv;desc="(\d+) reads"/.exec(timing)?.[1]),
    edgeHits: Number(/edge;desc="(\d+) hits"/.exec(timing)?.[1]),
  };
}

describe("pages in the data centre's cache", () => {
  it("answer another isolate's reads, even after KV has lost them", async () => {
    const index = newIndex();
    const manifest = await writeIndex(index, DOCUMENTS);
    const host = `${index}.example`;
    const first = await searchCold(index, host, "on");
    // The query tables and the segment's one page.
    expect(first).toEqual({ status: 200, ids: ["web"], kvReads: 2, edgeHits: 0 });
    await env.INDEX.delete(pageKey(index, manifest.segments[0]!.segmentId, 0));
    const second = await searchCold(index, host, "on");
    expect(second).toEqual({ status: 200, ids: ["web"], kvReads: 0, edgeHits: 2 });
  });

  it.each([
    ["the setting is absent", "host.example", undefined],
    ["it is switched off", "host.example", "off"],
    ["the host is of workers.dev", "lzero.account.workers.dev", "on"],
  ])("are not kept when %s", async (_, host, pageCache) => {
    const index = newIndex();
    await writeIndex(index, DOCUMENTS);
    for (let turn = 0; turn < 2; turn++) {
      expect(await searchCold(index, host, pageCache)).toMatchObject({
        ids: ["web"],
        kvReads: 2,
        edgeHits: 0,
      });
    }
  });
});

describe("EdgePageCache", () => {
  const page = encodePage(PAGE_KIND.documents, randomSegmentId(), 3, Uint8Array.of(1, 2, 3));

  function setUp(changes: Partial<Pick<Cache, "match" | "put">> = {}, opens = true) {
    const kept: Promise<unknown>[] = [];
    const calls: string[] = [];
    const cache = {
      match: async () => undefined,
      put: async (address: string) => void calls.push(address),
      ...changes,
    } as unknown as Cache;
    const edge = new EdgePageCache({
      open: async () => {
        calls.push("open");
        if (!opens) throw new Error("no cache here");
        return cache;
      },
      origin: "https://lzero.test",
      waitUntil: (work) => void kept.push(work),
    });
    return { edge, kept, calls };
  }

  it("gives a page that lies there whole, and none that was cut", async () => {
    for (const [value, expected] of [
      [page, page],
      [page.subarray(0, page.length - 1), null],
      [page.subarray(0, 20), null],
      [new Uint8Array(0), null],
    ] as const) {
      const { edge } = setUp({ match: async () => new Response(value.slice()) });
      expect(await edge.read("demo/x/3")).toEqual(expected);
      expect(edge.hits).toBe(expected === null ? 0 : 1);
    }
  });

  it("keeps a page under the Worker's own host without being waited for", async () => {
    let finish = () => {};
    const addresses: unknown[] = [];
    const put: Cache["put"] = (address) => {
      addresses.push(address);
      return new Promise((resolve) => {
        finish = resolve;
      });
    };
    const { edge, kept } = setUp({ put });
    edge.keep("demo/x/3", page);
    edge.keep("demo/x/4", page.subarray(0, page.length - 1));
    expect(kept).toHaveLength(1);
    await vi.waitFor(() => expect(addresses).toEqual(["https://lzero.test/_pages/demo/x/3"]));
    finish();
    await Promise.all(kept);
  });

  it("is as if it were not there when it cannot be opened, and is asked no more", async () => {
    const { edge, kept, calls } = setUp({}, false);
    expect(await edge.read("a")).toBeNull();
    edge.keep("a", page);
    expect(await edge.read("b")).toBeNull();
    await Promise.all(kept);
    expect(calls).toEqual(["open"]);
  });

  it("is as if it were not there when a call fails", async () => {
    const fails = async () => {
      throw new Error("too many calls");
    };
    const { edge, kept } = setUp({ match: fails, put: fails });
    expect(await edge.read("a")).toBeNull();
    edge.keep("a", page);
    await expect(Promise.all(kept)).resolves.toBeDefined();
  });

  it("makes no more calls in a request than the free plan allows", async () => {
    let calls = 0;
    const { edge } = setUp({ match: async () => void calls++ });
    for (let at = 0; at < 100; at++) await edge.read(`${at}`);
    expect(calls).toBe(48);
  });

  it("fills the isolate as KV does", async () => {
    const { edge } = setUp({ match: async () => new Response(page.slice()) });
    const cache = new IsolateCache();
    const { CachedPageReader } = await import("../../../workers/kv-page-reader.ts");
    const reader = new CachedPageReader(env.INDEX, cache, edge);
    expect(await reader.read("demo/x/3")).toEqual(page);
    expect(await reader.read("demo/x/3")).toEqual(page);
    expect([reader.kvReads, reader.edgeHits]).toEqual([0, 1]);
  });
});

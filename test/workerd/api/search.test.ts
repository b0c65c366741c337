import { describe, expect, it } from "vitest";
import { LzeroError } from "../../../shared/errors.ts";
import { encodeManifest } from "../../../shared/format/manifest.ts";
import { manifestKey, pageKey } from "../../../shared/storage/keys.ts";
import type { SearchAnswer } from "../../../workers/search/answer-search.ts";
import { env, makeTestApp, NO_CATALOG, type SmallDocument, writeIndex, writeSegment } from "./support.ts";

const DOCUMENTS: readonly SmallDocument[] = [
  {
    id: "arachnophobia",
    title: "arachnophobia",
    text: "an abnormal fear of a creature",
    impacts: { spider: 250 },
  },
  { id: "web", text: "what a spider makes", impacts: { web: 200 } },
  { id: "night", text: "a star in the sky" },
];

let count = 0;
function newIndex(): string {
  return `search-${++count}`;
}

describe("GET …/search", () => {
  it("returns hits by score with exactly the documented members", async () => {
    const index = newIndex();
    await writeIndex(index, DOCUMENTS, 7);
    const { request } = makeTestApp(NO_CATALOG);
    const response = await request("GET", `/v1/indexes/${index}/search?q=fear%20of%20spider`);
    expect(response.status).toBe(200);
    const answer = await response.json<SearchAnswer>();
    expect(Object.keys(answer).sort()).toEqual(
      ["exact", "generation", "generationAgeMs", "hits", "manifestAgeMs", "stats", "warnings"].sort(),
    );
    expect(answer).toMatchObject({ generation: 7, manifestAgeMs: 0, exact: true, warnings: [] });
    expect(answer.hits.map(({ id }) => id)).toEqual(["arachnophobia", "web"]);
    expect(answer.hits[0]).toEqual({
      id: "arachnophobia",
      score: expect.closeTo(3 * (1 + 5 / 8) * (250 / 255) + 3 * (100 / 255) * (1 + 6 / 8 + 1 + 7 / 8), 5),
      title: "arachnophobia",
      url: null,
      metadata: null,
      text: "an abnormal fear of a creature",
    });
    expect(answer.stats).toEqual({ reads: 1, bytesRead: expect.any(Number), postings: 4, tokens: 3 });
  });

  it("answers POST as it answers GET, and pages through", async () => {
    const index = newIndex();
    await writeIndex(index, DOCUMENTS);
    const { request } = makeTestApp(NO_CATALOG);
    const response = await request("POST", `/v1/indexes/${index}/search`, {
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ q: "spider", k: 1, offset: 1 }),
    });
    expect((await response.json<SearchAnswer>()).hits.map(({ id }) => id)).toEqual(["web"]);
  });

  it("keeps to a budget of reads and says what is certain then", async () => {
    const index = newIndex();
    // Too many for a segment of one page: posting lists are values of their own.
    const many = Array.from({ length: 300 }, (_, at) => ({
      id: `d${at}`,
      text: `spider ${at === 5 ? "fear " : ""}${"x".repeat(1000)}`,
    }));
    await writeIndex(index, many);
    const { request } = makeTestApp(NO_CATALOG);
    const ask = async (budget: string) => {
      const response = await request("GET", `/v1/indexes/${index}/search?q=fear+spider&k=2${budget}`);
      expect(response.status).toBe(200);
      return response.json<SearchAnswer>();
    };
    const free = await ask("");
    expect(free).toMatchObject({ exact: true, hits: [{ id: "d5" }, { id: "d0" }] });
    expect(await ask("&maxReads=1")).toMatchObject({ exact: true, hits: free.hits });
    const none = await ask("&maxReads=0");
    // Nothing was read: all that is certain is that no document scores more than both terms give.
    expect(none).toMatchObject({ exact: false, hits: [], certificate: { provenHits: 0 } });
    expect(none.certificate!.maxMissedScore).toBeCloseTo(free.hits[0]!.score, 9);
    expect(await ask("&maxBytes=10")).toMatchObject({ exact: false });
  });

  it("says on request which words match and which terms the model added", async () => {
    const index = newIndex();
    await writeIndex(index, DOCUMENTS);
    const { request } = makeTestApp(NO_CATALOG);
    const response = await request("GET", `/v1/indexes/${index}/search?q=fear+spiders&highlight=true`);
    const { hits } = await response.json<SearchAnswer>();
    expect(hits[0]).toMatchObject({
      id: "arachnophobia",
      matches: { title: [], text: [[12, 16]], snippet: [0, 30] },
      terms: [
        { term: "spider", expanded: true },
        { term: "fear", expanded: false },
      ],
    });
    const sum = hits[0]!.terms!.reduce((total, { score }) => total + score, 0);
    expect(sum).toBeCloseTo(hits[0]!.score, 9);
  });

  it("returns a warning and no hits for words that the model does not know", async () => {
    const index = newIndex();
    await writeIndex(index, DOCUMENTS);
    const { request } = makeTestApp(NO_CATALOG);
    const response = await request("GET", `/v1/indexes/${index}/search?q=zzzz`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ hits: [], warnings: [{ code: "no_known_tokens" }] });
  });

  it("answers from what the isolate holds, and counts the same reads", async () => {
    const index = newIndex();
    await writeIndex(index, DOCUMENTS);
    const { request } = makeTestApp(NO_CATALOG);
    const path = `/v1/indexes/${index}/search?q=spider`;
    const first = await request("GET", path);
    const second = await request("GET", path);
    expect(first.headers.get("server-timing")).toMatch(/kv;desc="2 reads"/);
    expect(second.headers.get("server-timing")).toMatch(/kv;desc="0 reads"/);
    const [before, after] = [await first.json<SearchAnswer>(), await second.json<SearchAnswer>()];
    expect(after.stats.reads).toBe(before.stats.reads);
    expect(after.hits).toEqual(before.hits);
  });

  it.each([
    ["", "query_empty"],
    ["q=", "query_empty"],
    ["q=%20%09", "query_empty"],
    [`q=${"x".repeat(2049)}`, "query_too_long"],
    [`q=${"%C3%A9".repeat(1025)}`, "query_too_long"],
    ["q=a&k=0", "parameter_invalid"],
    ["q=a&k=101", "parameter_invalid"],
    ["q=a&maxReads=-1", "parameter_invalid"],
    ["q=a&maxBytes=many", "parameter_invalid"],
    ["q=a&k=ten", "parameter_invalid"],
    ["q=a&k=1e1", "parameter_invalid"],
    ["q=a&k=", "parameter_invalid"],
    ["q=a&k=1.5", "parameter_invalid"],
    ["q=a&offset=-1", "parameter_invalid"],
    ["q=a&offset=991", "parameter_invalid"],
    ["q=a&minGeneration=x", "parameter_invalid"],
    ["q=a&minGeneration=-1", "parameter_invalid"],
    ["q=a&highlight=yes", "parameter_invalid"],
    ["q=a&limit=5", "parameter_unknown"],
    ["q=a&q=b", "parameter_repeated"],
    ["q=a&__proto__=b", "parameter_unknown"],
  ])("refuses ?%s with %s", async (parameters, code) => {
    const { request } = makeTestApp(NO_CATALOG);
    const response = await request("GET", `/v1/indexes/any/search?${parameters}`);
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
    expect(await response.json()).toMatchObject({ code, status: 400, title: "Bad request" });
  });

  it.each([
    ["application/json", "[]", 400, "body_invalid"],
    ["application/json", '"q"', 400, "body_invalid"],
    ["application/json", "{", 400, "json_invalid"],
    ["application/json", '{"q":1}', 400, "parameter_invalid"],
    ["application/json", '{"q":"a","k":"10"}', 400, "parameter_invalid"],
    ["application/json", '{"q":"a","filter":{}}', 400, "parameter_unknown"],
    ["text/plain", '{"q":"a"}', 415, "content_type_unsupported"],
    ["application/json; charset=latin1", '{"q":"a"}', 415, "content_type_unsupported"],
    ["application/json", `{"q":"${"x".repeat(20_000)}"}`, 413, "body_too_large"],
  ])("refuses a body of %s %.20s with %i %s", async (type, body, status, code) => {
    const { request } = makeTestApp(NO_CATALOG);
    const headers = { "content-type": type };
    const response = await request("POST", "/v1/indexes/any/search", { headers, body });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });

  it.each(["-a", "A", "a_b", "a".repeat(65), "%2e%2e%2fb", "é"])(
    "refuses the index name %s",
    async (name) => {
      const response = await makeTestApp().request("GET", `/v1/indexes/${name}/search?q=a`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: "index_name_invalid" });
    },
  );

  it("answers 404 for an index that neither KV nor the catalog knows", async () => {
    const response = await makeTestApp().request("GET", "/v1/indexes/nowhere/search?q=a");
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "index_not_found" });
  });

  it("finds a new index before KV shows it, and warns that it is empty", async () => {
    const index = newIndex();
    const { request } = makeTestApp();
    const headers = { authorization: "Bearer write-key-of-the-tests" };
    expect((await request("PUT", `/v1/indexes/${index}`, { headers })).status).toBe(201);
    const response = await request("GET", `/v1/indexes/${index}/search?q=a`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      generation: 0,
      hits: [],
      warnings: [{ code: "index_empty" }],
    });
  });
});

describe("minGeneration", () => {
  it("is met by KV without the catalog, after the held manifest was too old", async () => {
    const index = newIndex();
    const manifest = await writeIndex(index, DOCUMENTS, 1);
    const { request } = makeTestApp(NO_CATALOG);
    await request("GET", `/v1/indexes/${index}/search?q=spider`);
    await env.INDEX.put(manifestKey(index), encodeManifest({ ...manifest, generation: 2 }));
    const response = await request("GET", `/v1/indexes/${index}/search?q=spider&minGeneration=2`);
    expect(await response.json()).toMatchObject({ generation: 2 });
  });

  it("is met by the catalog when KV is behind", async () => {
    const index = newIndex();
    const manifest = await writeIndex(index, DOCUMENTS, 1);
    const newer = encodeManifest({ ...manifest, generation: 3 });
    const { request } = makeTestApp({ manifest: async () => newer });
    const response = await request("GET", `/v1/indexes/${index}/search?q=spider&minGeneration=3`);
    expect(await response.json()).toMatchObject({ generation: 3 });
  });

  it("is 409 with the current generation when the catalog is lower too", async () => {
    const index = newIndex();
    const manifest = await writeIndex(index, DOCUMENTS, 4);
    const { request } = makeTestApp({ manifest: async () => encodeManifest(manifest) });
    const response = await request("GET", `/v1/indexes/${index}/search?q=spider&minGeneration=5`);
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: "generation_not_reached", generation: 4 });
  });

  it("is 503 when the catalog does not answer", async () => {
    const index = newIndex();
    await writeIndex(index, DOCUMENTS, 4);
    const response = await makeTestApp(NO_CATALOG).request(
      "GET",
      `/v1/indexes/${index}/search?q=spider&minGeneration=5`,
    );
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "catalog_unavailable" });
  });
});

describe("the manifest that an isolate holds", () => {
  it("is kept for ten seconds, then read again", async () => {
    const index = newIndex();
    const manifest = await writeIndex(index, DOCUMENTS, 1);
    const { request, clock } = makeTestApp(NO_CATALOG);
    const search = async () =>
      (await request("GET", `/v1/indexes/${index}/search?q=spider`)).json<SearchAnswer>();
    await search();
    await env.INDEX.put(manifestKey(index), encodeManifest({ ...manifest, generation: 2 }));
    clock.nowMs += 9_999;
    const generationAgeMs = clock.nowMs - manifest.createdAtMs;
    expect(await search()).toMatchObject({ generation: 1, manifestAgeMs: 9_999, generationAgeMs });
    clock.nowMs += 1;
    expect(await search()).toMatchObject({ generation: 2, manifestAgeMs: 0 });
  });

  it("never goes back to a generation before the one it served", async () => {
    const index = newIndex();
    const manifest = await writeIndex(index, DOCUMENTS, 5);
    const { request, clock } = makeTestApp(NO_CATALOG);
    await request("GET", `/v1/indexes/${index}/search?q=spider`);
    await env.INDEX.put(manifestKey(index), encodeManifest({ ...manifest, generation: 4 }));
    clock.nowMs += 60_000;
    const response = await request("GET", `/v1/indexes/${index}/search?q=spider`);
    expect(await response.json()).toMatchObject({ generation: 5 });
  });

  it("is asked of the catalog when it was dropped and KV shows an older one", async () => {
    const index = newIndex();
    const manifest = await writeIndex(index, DOCUMENTS, 5);
    const { request, cache } = makeTestApp({ manifest: async () => encodeManifest(manifest) });
    await request("GET", `/v1/indexes/${index}/search?q=spider`);
    await env.INDEX.put(manifestKey(index), encodeManifest({ ...manifest, generation: 4 }));
    cache.set("filler", {}, 48 * 1024 * 1024);
    expect(cache.heldManifest(index)).toBeNull();
    const response = await request("GET", `/v1/indexes/${index}/search?q=spider`);
    expect(await response.json()).toMatchObject({ generation: 5 });
  });
});

describe("a page that is missing", () => {
  it("makes the query run once more on the catalog's manifest", async () => {
    const index = newIndex();
    const stale = await writeIndex(index, DOCUMENTS, 1);
    await env.INDEX.delete(pageKey(index, stale.segments[0]!.segmentId, 0));
    const current = await writeSegment(index, DOCUMENTS, 2);
    let asked = 0;
    const { request } = makeTestApp({
      manifest: async () => {
        asked++;
        return encodeManifest(current);
      },
    });
    const response = await request("GET", `/v1/indexes/${index}/search?q=spider`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      generation: 2,
      hits: [{ id: "arachnophobia" }, { id: "web" }],
    });
    expect(asked).toBe(1);
  });

  it.each([
    ["the catalog's generation lacks it too", false],
    ["the catalog does not answer", true],
  ])("is a typed 503 without key names when %s", async (_, isDown) => {
    const index = newIndex();
    const manifest = await writeIndex(index, DOCUMENTS, 1);
    const segmentId = manifest.segments[0]!.segmentId;
    await env.INDEX.delete(pageKey(index, segmentId, 0));
    const { request } = makeTestApp({
      manifest: async () => {
        if (isDown) throw new LzeroError("catalog_unavailable", "down");
        return encodeManifest(manifest);
      },
    });
    const response = await request("GET", `/v1/indexes/${index}/search?q=spider`);
    const body = await response.text();
    expect(response.status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({
      code: "page_missing",
      requestId: response.headers.get("x-request-id"),
    });
    expect(body).not.toContain(segmentId);
  });

  it("is told apart from one that is corrupt", async () => {
    const index = newIndex();
    const manifest = await writeIndex(index, DOCUMENTS, 1);
    const key = pageKey(index, manifest.segments[0]!.segmentId, 0);
    const page = new Uint8Array((await env.INDEX.get(key, "arrayBuffer"))!);
    page[40]! ^= 1;
    await env.INDEX.put(key, page);
    const response = await makeTestApp(NO_CATALOG).request("GET", `/v1/indexes/${index}/search?q=spider`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "page_corrupt" });
  });
});

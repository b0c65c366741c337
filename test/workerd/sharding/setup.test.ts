/** Making an index in shards, what a front and its shards must agree on, and who may call whom. */
import { describe, expect, it } from "vitest";
import type { Env } from "../../../workers/env.ts";
import worker from "../../../workers/index.ts";
import { frontApiDocument, openApiDocument } from "../../../workers/openapi/document.ts";
import { createFrontApp } from "../../../workers/sharding/front-app.ts";
import { PUBLISH, SHARD_KEY, WRITE, WRITE_KEY, env as wholeEnv } from "../api/support.ts";
import {
  createIndex,
  JSON_TYPE,
  makeFront,
  publish,
  SETTINGS,
  splitByPlace,
  type TestFront,
} from "./support.ts";

const HEADERS = { ...WRITE, ...JSON_TYPE };

const put = ({ request }: TestFront, index: string, settings: object): Promise<Response> =>
  request("PUT", `/v1/indexes/${index}`, { headers: HEADERS, body: JSON.stringify(settings) });

describe("PUT of an index at a front", () => {
  it("makes it on every shard, once", async () => {
    const front = makeFront(3);
    const created = await put(front, "setup-put", SETTINGS);
    expect(created.status).toBe(201);
    expect(await created.json()).toMatchObject({ index: "setup-put", created: true, settings: SETTINGS });
    for (const [at, shard] of front.shards.entries()) {
      const status = await (await shard.request("GET", "/v1/indexes/setup-put")).json();
      expect(status).toMatchObject({ shard: { place: at + 1, of: 3 }, settings: SETTINGS });
    }
    expect((await put(front, "setup-put", SETTINGS)).status).toBe(200);
    const conflict = await put(front, "setup-put", { ...SETTINGS, versions: "external" });
    expect(conflict.status).toBe(409);
    expect(await conflict.json()).toMatchObject({ code: "index_conflict" });
  });

  it.each([
    [{}, "idf"],
    [{ idf: "blend" }, "idf"],
    [{ idf: "corpus" }, "idf"],
    [{ idf: "model", encoder: "bm25" }, "averageLength"],
  ])("refuses %j, whose numbers each shard would have for itself", async (settings, field) => {
    const front = makeFront(2);
    const response = await put(front, "setup-refused", settings);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: "settings_not_shardable", field });
    expect(front.calls).toEqual([]);
  });

  it("takes bm25 with an average length that all shards share", async () => {
    const settings = { idf: "model", encoder: "bm25", averageLength: 40 };
    expect((await put(makeFront(2), "setup-bm25", settings)).status).toBe(201);
  });

  it("names the shard that failed, and is finished by repeating it", async () => {
    const front = makeFront(3);
    front.intercept = ({ place }) => (place === 2 ? "network" : null);
    const failed = await put(front, "setup-again", SETTINGS);
    expect(failed.status).toBe(503);
    expect(await failed.json()).toMatchObject({ code: "shard_unavailable", shard: 2 });
    front.intercept = () => null;
    const search = await front.request("GET", "/v1/indexes/setup-again/search?q=spider");
    expect(search.status).toBe(404);
    expect(await search.json()).toMatchObject({ code: "index_not_found", shard: 2 });
    expect((await put(front, "setup-again", SETTINGS)).status).toBe(201);
    expect((await front.request("GET", "/v1/indexes/setup-again/search?q=spider")).status).toBe(200);
  });

  it("leaves an index that is whole alone", async () => {
    const front = makeFront(2);
    const [first] = front.shards;
    (first!.env as { SHARD_PLACE: string }).SHARD_PLACE = "";
    (first!.env as { LZERO_WRITE_KEY: string }).LZERO_WRITE_KEY = WRITE_KEY;
    const whole = await first!.request("PUT", "/v1/indexes/setup-whole", {
      headers: HEADERS,
      body: JSON.stringify(SETTINGS),
    });
    expect(whole.status).toBe(201);
    (first!.env as { SHARD_PLACE: string }).SHARD_PLACE = "1/2";
    const response = await put(front, "setup-whole", SETTINGS);
    expect(response.status).toBe(409);
    const search = () => front.request("GET", "/v1/indexes/setup-whole/search?q=spider");
    await search();
    expect(await (await search()).json()).toMatchObject({ code: "shards_disagree" });
  });
});

describe("statistics of a front", () => {
  it("are those of its shards, added up", async () => {
    const front = makeFront(3);
    const index = await createIndex(front);
    const documents = Array.from({ length: 30 }, (_, at) => ({ id: `d${at}`, text: "spider" }));
    const groups = splitByPlace(documents, 3);
    for (const at of [0, 2]) await publish(front.shards[at]!, index, groups[at]!);
    const status = await (await front.request("GET", `/v1/indexes/${index}`)).json();
    expect(status).toMatchObject({
      index,
      settings: SETTINGS,
      generation: "1.0.1",
      documents: groups[0]!.length + groups[2]!.length,
      pending: 0,
      oldestPendingAtMs: null,
      shards: [
        { shard: 1, generation: 1, documents: groups[0]!.length, segments: 1 },
        { shard: 2, generation: 0, documents: 0, segments: 0, sizeBytes: 0 },
        { shard: 3, generation: 1, documents: groups[2]!.length, segments: 1 },
      ],
    });
  });
});

describe("what a front and its shards take each other for", () => {
  it.each([
    ["exchanged", (place: number) => `${3 - place}/2`],
    ["of another number", (place: number) => `${place}/3`],
    ["no shards", () => ""],
    ["malformed", () => "1 of 2"],
    ["above their number", (place: number) => `${place + 2}/2`],
  ])("is refused when the shards are %s", async (_, placeOf) => {
    const front = makeFront(2, placeOf);
    const create = await put(front, "setup-places", SETTINGS);
    expect(create.status).toBe(503);
    expect(await create.json()).toMatchObject({ code: "shards_disagree" });
    const search = await front.request("GET", "/v1/indexes/setup-places/search?q=spider");
    expect(await search.json()).toMatchObject({ code: "shards_disagree" });
  });

  it("is refused when an index was made of another number of shards, whatever is configured since", async () => {
    const front = makeFront(3);
    const index = await createIndex(front);
    const fewer = makeFront(2);
    for (const [at, shard] of front.shards.slice(0, 2).entries()) {
      (shard.env as { SHARD_PLACE: string }).SHARD_PLACE = `${at + 1}/2`;
    }
    const env = Object.fromEntries(
      front.shards
        .slice(0, 2)
        .map((shard, at) => [
          `SHARD_${at + 1}`,
          { fetch: (address: string, init: RequestInit) => shard.request("POST", address, init) },
        ]),
    );
    const base = `/v1/indexes/${index}`;
    for (const [method, path, body] of [
      ["PUT", base, JSON.stringify(SETTINGS)],
      ["GET", base, null],
      ["PUT", `${base}/documents/a`, '{"text":"spider"}'],
      ["DELETE", `${base}/documents/a`, null],
      ["GET", `${base}/documents/a`, null],
    ] as const) {
      const headers = body === null ? WRITE : HEADERS;
      const response = await fewer.request(method, path, { headers, body, env });
      expect([503, 409]).toContain(response.status);
      const { code } = await response.json<{ code: string }>();
      expect(["shards_disagree", "index_conflict"]).toContain(code);
    }
    // A search waits for no catalog; by now the isolate knows.
    const search = await fewer.request("GET", `${base}/search?q=spider`, { env });
    expect(await search.json()).toMatchObject({ code: "shards_disagree" });
  });

  it.each([
    ["SHARD_2", { SHARD_2: undefined, SHARD_3: {} }],
    ["SHARD_1", { SHARD_1: undefined, SHARD_2: undefined, SHARD_7: {} }],
  ])("is refused when %s is missing", async (missing, changes) => {
    const front = makeFront(2);
    const response = await front.request("GET", "/v1/indexes/x/search?q=spider", { env: changes });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "not_configured", missing });
  });

  it("is refused with more than thirty shards", async () => {
    const response = await makeFront(31).request("GET", "/v1/indexes/x/search?q=spider");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "not_configured", limit: 30 });
  });
});

describe("who may call", () => {
  it("a front without its shard key: nobody, and its answer does not name it", async () => {
    const response = await makeFront(2).request("GET", "/v1/indexes/x/search?q=a", {
      env: { LZERO_SHARD_KEY: "" },
    });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "not_configured", missing: "LZERO_SHARD_KEY" });
  });

  it("a front needs its write key, and none that is the shards'", async () => {
    const front = makeFront(2);
    const write = (authorization: string, env = {}) =>
      front.request("PUT", "/v1/indexes/x", { headers: { authorization }, env });
    expect((await write("Bearer nonsense")).status).toBe(401);
    expect((await write(`Bearer ${SHARD_KEY}`)).status).toBe(403);
    expect((await write(`Bearer ${WRITE_KEY}`, { LZERO_SHARD_KEY: WRITE_KEY })).status).toBe(503);
  });

  it("a shard takes writes from its front alone", async () => {
    const front = makeFront(2);
    const index = await createIndex(front);
    const [shard] = front.shards;
    (shard!.env as { LZERO_WRITE_KEY: string }).LZERO_WRITE_KEY = WRITE_KEY;
    for (const [method, path] of [
      ["PUT", `/v1/indexes/${index}`],
      ["POST", `/v1/indexes/${index}/documents`],
      ["PUT", `/v1/indexes/${index}/documents/a`],
      ["DELETE", `/v1/indexes/${index}/documents/a`],
    ] as const) {
      const response = await shard!.request(method, path, { headers: HEADERS });
      expect(response.status).toBe(409);
      expect(await response.json()).toMatchObject({ code: "only_through_front" });
    }
  });

  it.each([
    ["GET", "/metrics/indexes/x"],
    ["POST", "/internal/indexes/x/commit"],
    ["POST", "/internal/indexes/x/shard/search"],
    ["GET", "/internal/indexes/x/status"],
  ])("%s %s is for shards: 501 at a front", async (method, path) => {
    const response = await makeFront(2).request(method, path, { headers: PUBLISH });
    expect(response.status).toBe(501);
    expect(await response.json()).toMatchObject({ code: "only_on_shards" });
  });
});

describe("a front's routes", () => {
  it("are the public ones, as its OpenAPI document says with tokens for generations", async () => {
    const routes = createFrontApp()
      .routes.filter(({ method, path }) => method !== "ALL" && path.startsWith("/v1/"))
      .map(({ method, path }) => `${method} ${path}`);
    const { paths } = frontApiDocument() as { paths: Record<string, Record<string, object>> };
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ":$1")}`),
    );
    expect(described.sort()).toEqual([...new Set(routes)].sort());
    expect(Object.keys(paths)).toEqual(Object.keys((openApiDocument() as { paths: object }).paths));
    expect(JSON.stringify(frontApiDocument())).toContain("joined by dots");
    expect(JSON.stringify(openApiDocument())).not.toContain("joined by dots");
    const served = await (await makeFront(1).request("GET", "/openapi.json")).json();
    expect(served).toEqual(JSON.parse(JSON.stringify(frontApiDocument())));
  });

  it("are taken by the Worker where SHARD_1 is bound, and by no other", async () => {
    const context = { waitUntil: () => {}, passThroughOnException: () => {} } as unknown as ExecutionContext;
    const call = async (env: object): Promise<number> => {
      const request = new Request("https://lzero.test/internal/indexes/x/status", { headers: PUBLISH });
      return (await worker.fetch(request as never, env as Env, context)).status;
    };
    expect(await call(wholeEnv)).toBe(404);
    expect(await call({ ...wholeEnv, SHARD_PLACE: "1/2" })).toBe(404);
    expect(await call({ SHARD_1: { fetch: () => {} } })).toBe(501);
  });
});

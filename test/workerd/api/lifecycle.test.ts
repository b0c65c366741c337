import { describe, expect, it } from "vitest";
import type { CatalogStatus, CommitResponse } from "../../../shared/catalog/commands.ts";
import { documentKey } from "../../../shared/catalog/document-key.ts";
import type { SearchAnswer } from "../../../workers/search/answer-search.ts";
import {
  MODEL,
  makeTestApp,
  PUBLISH,
  type SmallDocument,
  type TestApp,
  WRITE,
  writeSegment,
} from "./support.ts";

const JSON_TYPE = { "content-type": "application/json" };

let count = 0;

async function makeIndex(settings: object = {}): Promise<TestApp & { index: string }> {
  const test = makeTestApp();
  const index = `life-${++count}`;
  const headers = { ...WRITE, ...JSON_TYPE };
  await test.request("PUT", `/v1/indexes/${index}`, { headers, body: JSON.stringify(settings) });
  return { ...test, index };
}

/** Commits documents through the internal routes, as the batch job does. */
async function publish(
  { request, index }: TestApp & { index: string },
  documents: readonly SmallDocument[],
  version = 1,
): Promise<number> {
  const { segments } = await writeSegment(index, documents);
  const { segmentId, pages, sizeBytes, checksum } = segments[0]!;
  const call = async (command: string, body: object): Promise<Response> => {
    const headers = { ...PUBLISH, ...JSON_TYPE };
    const path = `/internal/indexes/${index}/${command}`;
    const response = await request("POST", path, { headers, body: JSON.stringify(body) });
    expect(response.status, await response.clone().text()).toBe(200);
    return response;
  };
  await call("stage", { segmentId, model: MODEL, checksum, pages, documents: documents.length, sizeBytes });
  const located = documents.map(({ id }) => [documentKey(id), version, null, null]);
  await call("locate", { segmentId, firstOrdinal: 0, documents: located });
  return (await (await call("commit", { segmentId })).json<CommitResponse>()).generation;
}

describe("PUT and GET of an index", () => {
  it("creates once, repeats with 200, and conflicts with other settings", async () => {
    const { request } = makeTestApp();
    const put = (body: string): Promise<Response> =>
      request("PUT", "/v1/indexes/life-put", { headers: { ...WRITE, ...JSON_TYPE }, body });
    const created = await put("{}");
    expect(created.status).toBe(201);
    expect(await created.json()).toMatchObject({
      index: "life-put",
      created: true,
      settings: { encoder: "onnx", versions: "sequence", encodedFields: ["title", "text"] },
    });
    expect((await put("{}")).status).toBe(200);
    const conflict = await put('{"versions":"external"}');
    expect(conflict.status).toBe(409);
    expect(await conflict.json()).toMatchObject({ code: "index_conflict", versions: "sequence" });
  });

  it.each([
    ['{"encoder":"gpt"}', "body_invalid", "encoder"],
    ['{"encodedFields":[]}', "body_invalid", "encodedFields"],
    ['{"shards":2}', "body_invalid", "shards"],
    ["[]", "body_invalid", ""],
  ])("refuses the settings %s", async (body, code, field) => {
    const headers = { ...WRITE, ...JSON_TYPE };
    const response = await makeTestApp().request("PUT", "/v1/indexes/life-bad", { headers, body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code, field });
  });

  it("gives statistics, to the batch job under its own key too", async () => {
    const test = await makeIndex();
    await publish(test, [{ id: "a", text: "spider" }]);
    const open = await test.request("GET", `/v1/indexes/${test.index}`);
    const status = await open.json<CatalogStatus>();
    expect(status).toMatchObject({ index: test.index, documents: 1, generation: 1, pending: 0 });
    const path = `/internal/indexes/${test.index}/status`;
    expect(await (await test.request("GET", path, { headers: PUBLISH })).json()).toMatchObject({
      index: test.index,
      generation: 1,
    });
    expect((await test.request("GET", "/v1/indexes/life-none")).status).toBe(404);
  });
});

describe("a document by its id", () => {
  it("is found as soon as it is committed, and gone as soon as it is deleted", async () => {
    const test = await makeIndex();
    const { request, index } = test;
    const generation = await publish(test, [
      { id: "a b", title: "A", text: "spider", url: "https://example.com/" },
      { id: "other", text: "spider" },
    ]);
    const path = `/v1/indexes/${index}/documents/a%20b`;
    const found = await request("GET", path);
    expect(found.status).toBe(200);
    expect(await found.json()).toEqual({
      id: "a b",
      version: 1,
      title: "A",
      url: "https://example.com/",
      metadata: null,
      text: "spider",
    });
    const removed = await request("DELETE", path, { headers: WRITE });
    expect(await removed.json()).toEqual({ id: "a b", outcome: "deleted", generation: generation + 1 });
    expect((await request("GET", path)).status).toBe(404);
    const again = await request("DELETE", path, { headers: WRITE });
    expect(await again.json()).toMatchObject({ outcome: "absent" });
    const search = `/v1/indexes/${index}/search?q=spider&minGeneration=${generation + 1}`;
    const answer = await (await request("GET", search)).json<SearchAnswer>();
    expect(answer.hits.map(({ id }) => id)).toEqual(["other"]);
  });

  it("is deleted by version where versions are external", async () => {
    const test = await makeIndex({ versions: "external" });
    const { request, index } = test;
    await publish(test, [{ id: "a", text: "spider" }], 7);
    const remove = (parameters: string): Promise<Response> =>
      request("DELETE", `/v1/indexes/${index}/documents/a${parameters}`, { headers: WRITE });
    for (const [parameters, status, code] of [
      ["", 400, "version_required"],
      ["?version=x", 400, "parameter_invalid"],
      ["?version=9007199254740992", 400, "parameter_invalid"],
      ["?version=8&version=9", 400, "parameter_repeated"],
      ["?v=8", 400, "parameter_unknown"],
      ["?version=6", 409, "version_superseded"],
    ] as const) {
      const response = await remove(parameters);
      expect(response.status, parameters).toBe(status);
      expect(await response.json()).toMatchObject({ code });
    }
    expect(await (await remove("?version=8")).json()).toMatchObject({ outcome: "deleted" });
  });

  it("takes no version where the catalog numbers them", async () => {
    const { request, index } = await makeIndex();
    const response = await request("DELETE", `/v1/indexes/${index}/documents/a?version=1`, {
      headers: WRITE,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "version_not_allowed" });
  });

  it.each([
    ["a%2Fb", "id_invalid"],
    ["a%00b", "id_invalid"],
    ["x..y", "id_invalid"],
    ["x".repeat(513), "id_too_long"],
  ])("is refused with the id %.12s", async (id, code) => {
    const { request, index } = await makeIndex();
    for (const method of ["GET", "DELETE"]) {
      const response = await request(method, `/v1/indexes/${index}/documents/${id}`, { headers: WRITE });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code });
    }
  });
});

describe("the internal routes", () => {
  it.each([
    ["stage", "{}"],
    ["locate", '{"segmentId":"x","firstOrdinal":0,"documents":[]}'],
    ["commit", '{"segmentId":"../x"}'],
    ["abort", '{"segmentId":1}'],
    ["settle", '{"outcomes":[]}'],
    ["collect", '{"graceMs":-1}'],
    ["pending", '{"limit":0}'],
    ["commit", '{"segmentId":"00000000000000000000000000000000","force":true}'],
  ])("refuse for %s the body %s", async (command, body) => {
    const { request, index } = await makeIndex();
    const headers = { ...PUBLISH, ...JSON_TYPE };
    const response = await request("POST", `/internal/indexes/${index}/${command}`, { headers, body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "body_invalid" });
  });

  it("give the catalog's refusals their own codes", async () => {
    const { request, index } = await makeIndex();
    const headers = { ...PUBLISH, ...JSON_TYPE };
    const body = JSON.stringify({ segmentId: "0".repeat(32) });
    const response = await request("POST", `/internal/indexes/${index}/commit`, { headers, body });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: "segment_not_staged" });
  });
});

describe("an ingest", () => {
  it.each(["0".repeat(32), "x"])("that is unknown (%s) is 404", async (ingestId) => {
    const { request, index } = await makeIndex();
    const response = await request("GET", `/v1/indexes/${index}/ingests/${ingestId}`, { headers: WRITE });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "ingest_not_found" });
  });
});

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HttpCatalog } from "../../../batch/catalog-http.ts";
import { encodeManifest } from "../../../shared/format/manifest.ts";
import { LocalCatalog } from "../../support/local-catalog.ts";

const KEY = "publish-key-that-must-not-leak";

describe("HttpCatalog", () => {
  let server: Server;
  let answers: { status: number; body: string | Uint8Array }[];
  let requests: { method: string; url: string; key: string; body: string }[];
  beforeEach(async () => {
    answers = [];
    requests = [];
    server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      const { method = "", url = "" } = request;
      requests.push({ method, url, key: request.headers.authorization ?? "", body });
      const answer = answers.shift() ?? { status: 200, body: "{}" };
      response.statusCode = answer.status;
      response.end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const catalog = () =>
    new HttpCatalog({
      origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      publishKey: KEY,
      index: "demo",
      retry: { attempts: 3, minDelayMs: 1, maxDelayMs: 2, timeoutMs: 2000 },
    });

  it("sends each command to its route with the key and returns the answer", async () => {
    answers.push({ status: 200, body: '{"generation":4,"live":3,"tombstoned":1}' });
    const segmentId = "a".repeat(32);
    expect(await catalog().commit({ segmentId })).toEqual({ generation: 4, live: 3, tombstoned: 1 });
    await catalog().status();
    expect(requests).toEqual([
      {
        method: "POST",
        url: "/internal/indexes/demo/commit",
        key: `Bearer ${KEY}`,
        body: JSON.stringify({ segmentId }),
      },
      { method: "GET", url: "/internal/indexes/demo/status", key: `Bearer ${KEY}`, body: "" },
    ]);
  });

  it("reads manifests as bytes, and problems in their place", async () => {
    const local = new LocalCatalog("demo");
    answers.push({ status: 200, body: encodeManifest(local.catalog.manifest()) });
    expect(await catalog().manifest(0)).toEqual(local.catalog.manifest());
    expect(requests[0]).toMatchObject({ method: "GET", url: "/internal/indexes/demo/manifest?generation=0" });
    answers.push({ status: 404, body: '{"code":"generation_not_found","detail":"it is not retained"}' });
    await expect(catalog().manifest(7)).rejects.toMatchObject({ code: "generation_not_found" });
  });

  it("turns a problem into the error that it was, with its details", async () => {
    const body = JSON.stringify({
      type: "urn:lzero:problem:merge_conflict",
      title: "Conflict",
      status: 409,
      detail: "not live any more",
      code: "merge_conflict",
      expected: 3,
      segments: ["a", "b"],
    });
    answers.push({ status: 409, body });
    await expect(catalog().commit({ segmentId: "a".repeat(32) })).rejects.toMatchObject({
      code: "merge_conflict",
      message: "not live any more",
      details: { expected: 3, segments: ["a", "b"], index: "demo", command: "commit", status: 409 },
    });
    expect(requests).toHaveLength(1);
  });

  it("repeats a command after 503 and 429", async () => {
    answers.push({ status: 503, body: "" }, { status: 429, body: "" });
    await catalog().abort({ segmentId: "a".repeat(32) });
    expect(requests).toHaveLength(3);
  });

  it("says that the catalog is unavailable when every attempt failed", async () => {
    answers.push(...Array.from({ length: 3 }, () => ({ status: 500, body: "" })));
    const error = await catalog()
      .status()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "catalog_unavailable", details: { command: "status" } });
    expect(inspect(error, { depth: 10 })).not.toContain(KEY);
  });

  it.each([
    ["a page of another server", 404, "<html>"],
    ["a success that is no JSON", 200, "ok"],
  ])("refuses %s", async (_, status, body) => {
    answers.push({ status, body });
    await expect(catalog().status()).rejects.toMatchObject({ code: "catalog_refused" });
  });
});

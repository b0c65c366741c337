import { describe, expect, it } from "vitest";
import { openApiDocument } from "../../../workers/openapi/document.ts";
import { makeTestApp, type TestApp, WRITE } from "./support.ts";

const LIMITS = { MAX_PENDING_DOCUMENTS: "5", MAX_PENDING_SECONDS: "3600" };
const HEADERS = { ...WRITE, "content-type": "application/json" };

let count = 0;

interface Busy extends TestApp {
  readonly path: string;
  write(documents: number, key: string, env?: Record<string, string>): Promise<Response>;
}

async function makeBusyIndex(): Promise<Busy> {
  const test = makeTestApp();
  const path = `/v1/indexes/backpressure-${++count}`;
  await test.request("PUT", path, { headers: HEADERS, body: "{}" });
  const write = (documents: number, key: string, env: Record<string, string> = LIMITS) =>
    test.request("POST", `${path}/documents`, {
      headers: { ...HEADERS, "idempotency-key": key },
      body: JSON.stringify(Array.from({ length: documents }, (_, at) => ({ id: `${key}${at}`, text: "a" }))),
      env,
    });
  return { ...test, path, write };
}

describe("a write beyond what may be pending", () => {
  it("is 429 with Retry-After and reaches neither catalog nor queue", async () => {
    const { request, queue, path, write } = await makeBusyIndex();
    expect((await write(5, "a")).status).toBe(202);
    const refused = await write(1, "b");
    expect(refused.status).toBe(429);
    expect(refused.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    const retryAfter = Number(refused.headers.get("retry-after"));
    expect(retryAfter).toBeGreaterThanOrEqual(1);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(await refused.json()).toMatchObject({
      code: "too_many_pending",
      title: "Too many requests",
      status: 429,
      retryAfterSeconds: retryAfter,
      pending: 5,
      maxPending: 5,
    });
    expect(queue.documents()).toHaveLength(5);
    expect(await (await request("GET", path)).json()).toMatchObject({ pending: 5 });
  });

  it("is taken again when it repeats one that was accepted", async () => {
    const { queue, write } = await makeBusyIndex();
    await write(5, "a");
    expect((await write(5, "a")).status).toBe(202);
    expect(queue.documents()).toHaveLength(10);
  });

  it("stops neither deletions nor readers", async () => {
    const { request, path, write } = await makeBusyIndex();
    await write(5, "a");
    const env = LIMITS;
    expect((await request("DELETE", `${path}/documents/a0`, { headers: HEADERS, env })).status).toBe(200);
    expect((await request("GET", `${path}/search?q=a`, { env })).status).toBe(200);
    expect((await request("GET", path, { env })).status).toBe(200);
  });

  it("is taken with the default limits", async () => {
    const { write } = await makeBusyIndex();
    await write(5, "a");
    expect((await write(5, "b", {})).status).toBe(202);
    expect((await write(5, "c", { MAX_PENDING_DOCUMENTS: "" })).status).toBe(202);
  });

  it.each(["0", "-1", "1e3", "many", "1.5"])("is 503 when the limit is %s", async (limit) => {
    const { write } = await makeBusyIndex();
    const response = await write(1, "a", { MAX_PENDING_DOCUMENTS: limit });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      code: "not_configured",
      malformed: "MAX_PENDING_DOCUMENTS",
    });
  });

  it("is in the API's description, with its header", () => {
    const { paths } = openApiDocument() as {
      paths: Record<string, Record<string, { responses: Record<string, { headers?: object }> }>>;
    };
    const responses = paths["/v1/indexes/{index}/documents"]!.post!.responses;
    expect(Object.keys(responses["429"]!.headers!)).toEqual(["Retry-After"]);
  });
});

describe("traceparent", () => {
  const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  it.each([
    ["goes into the message", TRACE, TRACE],
    ["is left out when it is malformed", "00-xyz", undefined],
    ["is left out when it names no trace", `00-${"0".repeat(32)}-b7ad6b7169203331-01`, undefined],
  ])("%s", async (_, header, expected) => {
    const { request, queue, path } = await makeBusyIndex();
    const response = await request("POST", `${path}/documents`, {
      headers: { ...HEADERS, traceparent: header },
      body: '[{"id":"a","text":"t"}]',
    });
    expect(response.status).toBe(202);
    expect(JSON.parse(queue.bodies[0]!.MessageBody).traceparent).toBe(expected);
  });
});

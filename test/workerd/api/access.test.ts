import { describe, expect, it } from "vitest";
import { openApiDocument } from "../../../workers/openapi/document.ts";
import { METRICS_KEY, makeTestApp, PUBLISH_KEY, SHARD_KEY, WRITE_KEY } from "./support.ts";

type Role = "open" | "write" | "publish" | "metrics" | "shard";

/** Who may call each route. A route that is not here fails the first test until someone decides. */
const ROLE_BY_ROUTE: Readonly<Record<string, Role>> = {
  "GET /": "open",
  "GET /app.client.js": "open",
  "GET /app.css": "open",
  "GET /favicon.svg": "open",
  "GET /healthz": "open",
  "GET /openapi.json": "open",
  "PUT /v1/indexes/:index": "write",
  "GET /v1/indexes/:index": "open",
  "POST /v1/indexes/:index/documents": "write",
  "GET /v1/indexes/:index/documents/:id": "open",
  "PUT /v1/indexes/:index/documents/:id": "write",
  "DELETE /v1/indexes/:index/documents/:id": "write",
  "GET /v1/indexes/:index/ingests/:ingestId": "write",
  "GET /v1/indexes/:index/search": "open",
  "POST /v1/indexes/:index/search": "open",
  "POST /internal/indexes/:index/stage": "publish",
  "POST /internal/indexes/:index/locate": "publish",
  "POST /internal/indexes/:index/commit": "publish",
  "POST /internal/indexes/:index/abort": "publish",
  "POST /internal/indexes/:index/settle": "publish",
  "POST /internal/indexes/:index/collect": "publish",
  "POST /internal/indexes/:index/pending": "publish",
  "POST /internal/indexes/:index/weigh": "publish",
  "POST /internal/indexes/:index/garbage": "publish",
  "POST /internal/indexes/:index/rollback": "publish",
  "POST /internal/indexes/:index/pin": "publish",
  "POST /internal/indexes/:index/compare": "publish",
  "POST /internal/indexes/:index/located": "publish",
  "GET /internal/indexes/:index/generations": "publish",
  "GET /internal/indexes/:index/manifest": "publish",
  "GET /internal/indexes/:index/status": "publish",
  "GET /metrics/indexes/:index": "metrics",
  "POST /internal/indexes/:index/shard/accept": "shard",
  "POST /internal/indexes/:index/shard/create": "shard",
  "POST /internal/indexes/:index/shard/document": "shard",
  "POST /internal/indexes/:index/shard/hits": "shard",
  "POST /internal/indexes/:index/shard/ingest": "shard",
  "POST /internal/indexes/:index/shard/remove": "shard",
  "POST /internal/indexes/:index/shard/search": "shard",
  "POST /internal/indexes/:index/shard/settle": "shard",
  "POST /internal/indexes/:index/shard/status": "shard",
};

const KEYS: Readonly<Partial<Record<Role, string>>> = {
  write: WRITE_KEY,
  publish: PUBLISH_KEY,
  metrics: METRICS_KEY,
  shard: SHARD_KEY,
};

const CLOSED = Object.entries(ROLE_BY_ROUTE).filter(([, role]) => role !== "open");

function addressOf(route: string): [method: string, path: string] {
  const [method = "", path = ""] = route.split(" ");
  return [method, path.replace(":index", "access").replace(":ingestId", "0".repeat(32)).replace(":id", "a")];
}

describe("routes and roles", () => {
  it("classifies every route", () => {
    const { app } = makeTestApp();
    const routes = app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path}`);
    expect([...new Set(routes)].sort()).toEqual(Object.keys(ROLE_BY_ROUTE).sort());
  });

  it.each(CLOSED)("%s needs the %s key", async (route, role) => {
    const { request } = makeTestApp();
    const [method, path] = addressOf(route);
    const { [role]: right = "", ...others } = KEYS;
    const call = (authorization?: string): Promise<Response> =>
      request(method, path, authorization === undefined ? {} : { headers: { authorization } });

    const bodies: string[] = [];
    for (const authorization of [
      undefined,
      "Bearer wrong",
      `Bearer ${right}x`,
      `Bearer ${right.slice(0, -1)}`,
      `Basic ${right}`,
      right,
      `Bearer ${right} ${right}`,
      `Bearer ${"x".repeat(5000)}`,
    ]) {
      const response = await call(authorization);
      expect(response.status, `${authorization}`).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      bodies.push(await response.text());
    }
    expect(new Set(bodies).size).toBe(1);
    for (const other of Object.values(others)) expect((await call(`Bearer ${other}`)).status).toBe(403);
    expect([401, 403]).not.toContain((await call(`Bearer ${right}`)).status);
  });

  it.each(CLOSED)("%s is closed when its secret (%s) is not set", async (route, role) => {
    const [method, path] = addressOf(route);
    const missing = `LZERO_${role.toUpperCase()}_KEY`;
    for (const authorization of [undefined, "Bearer ", "Bearer undefined", `Bearer ${WRITE_KEY}`]) {
      const response = await makeTestApp().request(method, path, {
        ...(authorization === undefined ? {} : { headers: { authorization } }),
        env: { [missing]: "" },
      });
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: "not_configured", missing });
    }
  });

  it.each(["LZERO_PUBLISH_KEY", "LZERO_METRICS_KEY"])(
    "opens nothing when %s is the write key",
    async (name) => {
      const response = await makeTestApp().request("PUT", "/v1/indexes/access", {
        headers: { authorization: `Bearer ${WRITE_KEY}` },
        env: { [name]: WRITE_KEY },
      });
      expect(response.status).toBe(503);
    },
  );

  it("takes no key from the address", async () => {
    const response = await makeTestApp().request("PUT", `/v1/indexes/access?key=${WRITE_KEY}`);
    expect(response.status).toBe(401);
  });

  it("describes exactly the public routes in OpenAPI", () => {
    const { paths } = openApiDocument() as { paths: Record<string, Record<string, { security?: unknown }>> };
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { security }]) => [
        `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ":$1")}`,
        security === undefined ? "open" : "write",
      ]),
    );
    const expected = Object.entries(ROLE_BY_ROUTE).filter(([route]) => route.includes(" /v1/"));
    expect(Object.fromEntries(described)).toEqual(Object.fromEntries(expected));
  });
});

describe("every answer", () => {
  it.each([
    ["GET", "/"],
    ["GET", "/app.css"],
    ["GET", "/healthz"],
    ["GET", "/nowhere"],
    ["GET", "/v1/indexes/unknown/search?q=a"],
    ["PUT", "/v1/indexes/access"],
  ])("to %s %s has the security headers and a request id", async (method, path) => {
    const { headers } = await makeTestApp().request(method, path);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
  });

  it("to an unknown address is a problem, and names other methods where there are some", async () => {
    const { request } = makeTestApp();
    const missing = await request("GET", "/v2/indexes");
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ code: "route_not_found" });
    const wrong = await request("PATCH", "/v1/indexes/a/documents/b");
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get("allow")).toBe("GET, PUT, DELETE");
  });

  it("to a fault of ours has an id and no stack", async () => {
    const { request } = makeTestApp({
      status: async () => {
        throw new Error("secret detail");
      },
    });
    const response = await request("GET", "/v1/indexes/access");
    const body = await response.text();
    expect(response.status).toBe(500);
    expect(JSON.parse(body)).toMatchObject({
      code: "internal_error",
      requestId: response.headers.get("x-request-id"),
    });
    expect(body).not.toMatch(/secret|\.ts|at /);
  });
});

describe("CORS", () => {
  const path = "/v1/indexes/access/search?q=a";
  const allowed = { CORS_ORIGINS: "https://a.example, https://b.example" };

  it("allows no origin by default", async () => {
    const response = await makeTestApp().request("GET", path, { headers: { origin: "https://a.example" } });
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
    expect(response.headers.get("vary")).toContain("Origin");
  });

  it("allows the listed ones to search, without credentials", async () => {
    const { request } = makeTestApp();
    const init = { headers: { origin: "https://b.example" }, env: allowed };
    for (const method of ["GET", "OPTIONS"]) {
      const { headers } = await request(method, path, init);
      expect(headers.get("access-control-allow-origin")).toBe("https://b.example");
      expect(headers.get("access-control-allow-credentials")).toBeNull();
    }
  });

  it.each(["https://a.example.evil.test", "https://evil.test", "null"])("refuses %s", async (origin) => {
    const response = await makeTestApp().request("OPTIONS", path, { headers: { origin }, env: allowed });
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("allows nothing beside search", async () => {
    const init = { headers: { origin: "https://a.example" }, env: allowed };
    for (const [method, other] of [
      ["GET", "/v1/indexes/access"],
      ["PUT", "/v1/indexes/access"],
      ["OPTIONS", "/v1/indexes/access/documents"],
      ["GET", "/"],
    ] as const) {
      const { headers } = await makeTestApp().request(method, other, init);
      expect(headers.get("access-control-allow-origin")).toBeNull();
    }
  });
});

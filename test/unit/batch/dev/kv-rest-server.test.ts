import { request as httpRequest } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { type KvBacking, startKvRestServer } from "../../../../batch/dev/kv-rest-server.ts";
import { closeServer } from "../../../../batch/dev/loopback.ts";
import { KvRestStore } from "../../../../batch/storage/kv-rest-store.ts";
import { describePageStore } from "../storage/contract.ts";

class MapBacking implements KvBacking {
  readonly values = new Map<string, Uint8Array>();
  failing = new Set<string>();
  get = async (key: string) => this.values.get(key)?.slice() ?? null;
  put = async (key: string, value: Uint8Array) => {
    if (this.failing.has(key)) throw new Error("disk full");
    this.values.set(key, Uint8Array.from(value));
  };
  delete = async (key: string) => void this.values.delete(key);
  list: KvBacking["list"] = async ({ prefix, limit, cursor }) => {
    const all = [...this.values.keys()]
      .filter((key) => key.startsWith(prefix) && key > (cursor ?? ""))
      .sort();
    const keys = all.slice(0, limit);
    return { keys, cursor: all.length > limit ? keys.at(-1)! : null };
  };
}

const OPTIONS = { port: 0, accountId: "account", namespaceId: "namespace", apiToken: "token" };
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function start() {
  const backing = new MapBacking();
  const { server, port } = await startKvRestServer({ ...OPTIONS, backing });
  stops.push(() => closeServer(server));
  const baseUrl = `http://127.0.0.1:${port}/client/v4`;
  const root = `${baseUrl}/accounts/account/storage/kv/namespaces/namespace`;
  const call = async (method: string, path: string, body?: string, token = "token") => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(root + path, { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  return { backing, baseUrl, root, port, call };
}

describePageStore("KvRestStore over the local stack's KV REST server", async (use) => {
  const { baseUrl } = await start();
  await use(new KvRestStore({ ...OPTIONS, baseUrl }));
});

describe("startKvRestServer", () => {
  it("reports a key that could not be written inside a 200", async () => {
    const { backing, call } = await start();
    backing.failing.add("b");
    const pairs = ["a", "b"].map((key) => ({ key, value: "AQ==", base64: true }));
    expect(await call("PUT", "/bulk", JSON.stringify(pairs))).toEqual({
      status: 200,
      body: {
        success: true,
        errors: [],
        messages: [],
        result: { successful_key_count: 1, unsuccessful_keys: ["b"] },
      },
    });
    expect(backing.values.get("a")).toEqual(Uint8Array.of(1));
  });

  it("lists keys by prefix, page by page, and deletes one", async () => {
    const { call } = await start();
    const pairs = Array.from({ length: 25 }, (_, at) => ({
      key: `i/${String(at).padStart(2, "0")}`,
      value: "x",
    }));
    await call("PUT", "/bulk", JSON.stringify([...pairs, { key: "other", value: "x" }]));
    const first = await call("GET", "/keys?prefix=i/&limit=20");
    expect(first.body.result).toHaveLength(20);
    const { cursor } = first.body.result_info as { cursor: string };
    const second = await call("GET", `/keys?prefix=i/&limit=20&cursor=${encodeURIComponent(cursor)}`);
    expect(second.body).toMatchObject({
      result: ["i/20", "i/21", "i/22", "i/23", "i/24"].map((name) => ({ name })),
      result_info: { count: 5, cursor: "" },
    });
    expect((await call("DELETE", "/values/i%2F24")).body).toMatchObject({ success: true });
    expect((await call("GET", "/values/i%2F24")).body).toMatchObject({
      success: false,
      errors: [{ code: 10009, message: "get: 'key not found'" }],
    });
  });

  it.each([
    ["a wrong token", "GET", "/keys", undefined, "wrong", 403],
    ["a body that is not JSON", "PUT", "/bulk", "{", "token", 400],
    ["a body of another form", "PUT", "/bulk", '[{"key": 1}]', "token", 400],
    ["a value that is not base64", "PUT", "/bulk", '[{"key":"a","value":"%","base64":true}]', "token", 400],
    ["an over-long key", "GET", `/values/${"x".repeat(513)}`, undefined, "token", 400],
    ["a key that is not URL-encoded", "GET", "/values/%ff", undefined, "token", 400],
    ["another method", "PATCH", "/bulk", "[]", "token", 405],
  ])("refuses %s", async (_, method, path, body, token, status) => {
    const { call, backing } = await start();
    const answer = await call(method, path, body, token);
    expect(answer).toMatchObject({ status, body: { success: false, result: null } });
    expect(backing.values.size).toBe(0);
  });

  it("knows only its own namespace", async () => {
    const { root } = await start();
    const headers = { authorization: "Bearer token" };
    const response = await fetch(`${root}2/keys`, { headers });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ errors: [{ code: 10013 }] });
  });

  it.each([
    ["evil.example", 421],
    ["127.0.0.1", 421],
    ["127.0.0.1:1", 421],
    [null, 403],
  ])("answers Host %s with %i", async (host, expected) => {
    const { port } = await start();
    const status = await new Promise((resolve, reject) => {
      const headers = host === null ? {} : { host };
      httpRequest({ host: "127.0.0.1", port, path: "/client/v4/x", headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
    expect(status).toBe(expected);
  });
});

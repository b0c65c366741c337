import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KvRestStore, type KvRestStoreOptions } from "../../../../batch/storage/kv-rest-store.ts";
import { FAKE_ACCOUNT, FAKE_NAMESPACE, FAKE_TOKEN, FakeKvRest } from "../../../support/fake-kv-rest.ts";
import { describePageStore } from "./contract.ts";

const QUICK = { attempts: 4, minDelayMs: 1, maxDelayMs: 5, timeoutMs: 5000 };

function storeOf(fake: FakeKvRest, options: Partial<KvRestStoreOptions> = {}): KvRestStore {
  return new KvRestStore({
    baseUrl: fake.baseUrl,
    accountId: FAKE_ACCOUNT,
    namespaceId: FAKE_NAMESPACE,
    apiToken: FAKE_TOKEN,
    retry: QUICK,
    ...options,
  });
}

describePageStore("KvRestStore", async (use) => {
  const fake = await FakeKvRest.start();
  try {
    await use(storeOf(fake));
  } finally {
    await fake.stop();
  }
});

describe("KvRestStore", () => {
  let fake: FakeKvRest;
  beforeEach(async () => {
    fake = await FakeKvRest.start();
  });
  afterEach(() => fake.stop());

  const pages = (count: number, sizeBytes = 3) =>
    Array.from({ length: count }, (_, page) => ({
      key: `demo/s/${page}`,
      value: new Uint8Array(sizeBytes).fill(page),
    }));

  it("splits a write by number of pairs and by size of the request", async () => {
    await storeOf(fake, { maxBulkPairs: 4 }).write(pages(10));
    expect(fake.requests.map(({ keys }) => keys.length)).toEqual([4, 4, 2]);
    fake.requests.length = 0;
    await storeOf(fake, { targetBulkBytes: 10_000 }).write(pages(10, 3000));
    expect(fake.requests.map(({ keys }) => keys.length)).toEqual([2, 2, 2, 2, 2]);
    expect(Math.max(...fake.requests.map(({ sizeBytes }) => sizeBytes))).toBeLessThanOrEqual(10_000);
    expect(fake.values.size).toBe(10);
  });

  it("splits a delete by number of keys", async () => {
    const store = storeOf(fake, { maxBulkPairs: 4 });
    await store.write(pages(6));
    fake.requests.length = 0;
    await store.delete(pages(6).map(({ key }) => key));
    expect(fake.requests.map(({ route, keys }) => [route, keys.length])).toEqual([
      ["delete", 4],
      ["delete", 2],
    ]);
    expect(fake.values.size).toBe(0);
  });

  it.each(["write", "read", "delete"] as const)(
    "repeats a %s after 500, 503, 429 and a lost answer",
    async (route) => {
      const store = storeOf(fake, { retry: { ...QUICK, attempts: 5 } });
      await store.write(pages(2));
      fake.requests.length = 0;
      fake.fail(
        route,
        { kind: "status", status: 500 },
        { kind: "status", status: 503, body: "<html>" },
        { kind: "status", status: 429 },
        { kind: "lost-answer" },
      );
      if (route === "write") await store.write(pages(2));
      if (route === "read") expect(await store.read("demo/s/1")).toEqual(Uint8Array.of(1, 1, 1));
      if (route === "delete") await store.delete(["demo/s/1"]);
      expect(fake.requests).toHaveLength(5);
      expect(fake.values.has("demo/s/1")).toBe(route !== "delete");
    },
  );

  it("repeats a request that was not answered in time", async () => {
    fake.fail("write", { kind: "time-out" });
    await storeOf(fake, { retry: { ...QUICK, timeoutMs: 100 } }).write(pages(1));
    expect(fake.requests).toHaveLength(2);
    expect(fake.values.size).toBe(1);
  });

  it("waits as long as Retry-After says", async () => {
    fake.fail("write", { kind: "status", status: 429, retryAfter: "1" });
    await storeOf(fake).write(pages(1));
    const [first, second] = fake.requests;
    expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(990);
  });

  it("sends again only the keys that a 200 answer names as unsuccessful", async () => {
    fake.fail(
      "write",
      { kind: "partial", keys: ["demo/s/1", "demo/s/3"] },
      { kind: "partial", keys: ["demo/s/3"] },
    );
    await storeOf(fake).write(pages(5));
    expect(fake.requests.map(({ keys }) => keys)).toEqual([
      pages(5).map(({ key }) => key),
      ["demo/s/1", "demo/s/3"],
      ["demo/s/3"],
    ]);
    expect(fake.values.size).toBe(5);
  });

  it.each([
    ["names a key that was not sent", { successful_key_count: 2, unsuccessful_keys: ["demo/s/9"] }],
    ["counts fewer keys than it should", { successful_key_count: 1, unsuccessful_keys: [] }],
  ])("sends everything again after an answer that %s", async (_, result) => {
    const body = JSON.stringify({ success: true, errors: [], messages: [], result });
    fake.fail("write", { kind: "status", status: 200, body });
    await storeOf(fake).write(pages(3));
    expect(fake.requests.map(({ keys }) => keys.length)).toEqual([3, 3]);
    expect(fake.values.size).toBe(3);
  });

  it("deletes again only the keys that were left", async () => {
    const store = storeOf(fake);
    await store.write(pages(3));
    fake.requests.length = 0;
    fake.fail("delete", { kind: "partial", keys: ["demo/s/2"] });
    await store.delete(["demo/s/0", "demo/s/2"]);
    expect(fake.requests.map(({ keys }) => keys)).toEqual([["demo/s/0", "demo/s/2"], ["demo/s/2"]]);
    expect([...fake.values.keys()]).toEqual(["demo/s/1"]);
  });

  it("names every key that is not stored when it gives up", async () => {
    fake.fail("write", ...Array.from({ length: 4 }, () => ({ kind: "status", status: 500 }) as const));
    await expect(storeOf(fake, { maxBulkPairs: 2 }).write(pages(3))).rejects.toMatchObject({
      code: "storage_write_failed",
      details: { keys: ["demo/s/0", "demo/s/1", "demo/s/2"], status: 500 },
    });
    expect(fake.requests).toHaveLength(4);
  });

  it("gives up on keys that stay unsuccessful", async () => {
    fake.fail(
      "write",
      ...Array.from({ length: 4 }, () => ({ kind: "partial", keys: ["demo/s/1"] }) as const),
    );
    await expect(storeOf(fake).write(pages(3))).rejects.toMatchObject({
      code: "storage_write_failed",
      details: { keys: ["demo/s/1"] },
    });
  });

  it("does not repeat what repeating cannot mend", async () => {
    fake.fail("write", {
      kind: "status",
      status: 400,
      body: '{"success":false,"errors":[{"message":"bad pair"}]}',
    });
    await expect(storeOf(fake).write(pages(1))).rejects.toMatchObject({
      code: "storage_write_failed",
      message: /bad pair/,
    });
    expect(fake.requests).toHaveLength(1);
  });

  it("tells a missing namespace from a missing key", async () => {
    expect(await storeOf(fake).read("demo/none")).toBeNull();
    await expect(storeOf(fake, { namespaceId: "other" }).read("demo/none")).rejects.toMatchObject({
      code: "storage_read_failed",
      details: { keys: ["demo/none"], status: 404 },
    });
  });

  it("returns null and older values while KV's caches do", async () => {
    const store = storeOf(fake);
    fake.freezeReads("demo/manifest", 2);
    await store.write([{ key: "demo/manifest", value: Uint8Array.of(1) }]);
    expect([await store.read("demo/manifest"), await store.read("demo/manifest")]).toEqual([null, null]);
    expect(await store.read("demo/manifest")).toEqual(Uint8Array.of(1));
    fake.freezeReads("demo/manifest", 1);
    await store.write([{ key: "demo/manifest", value: Uint8Array.of(2) }]);
    expect(await store.read("demo/manifest")).toEqual(Uint8Array.of(1));
    expect(await store.read("demo/manifest")).toEqual(Uint8Array.of(2));
  });

  it("shows its token neither in itself nor in any error", async () => {
    const store = storeOf(fake);
    fake.fail(
      "write",
      { kind: "status", status: 400 },
      ...Array.from({ length: 4 }, () => ({ kind: "lost-answer" }) as const),
    );
    const errors = [];
    for (let count = 0; count < 2; count++)
      errors.push(await store.write(pages(1)).catch((error: unknown) => error));
    const wrong = storeOf(fake, { apiToken: `${FAKE_TOKEN}-wrong` });
    errors.push(await wrong.write(pages(1)).catch((error: unknown) => error));
    expect(errors.every((error) => error instanceof Error)).toBe(true);
    expect(inspect([store, ...errors], { depth: 20, showHidden: true })).not.toContain(FAKE_TOKEN);
    expect(JSON.stringify([store, ...errors])).not.toContain(FAKE_TOKEN);
  });
});

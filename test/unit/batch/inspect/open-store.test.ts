import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadOrCreateKeys } from "../../../../batch/dev/keys.ts";
import { type KvBacking, startKvRestServer } from "../../../../batch/dev/kv-rest-server.ts";
import { StackLock } from "../../../../batch/dev/lock.ts";
import { closeServer } from "../../../../batch/dev/loopback.ts";
import { describeStateFolder } from "../../../../batch/dev/state-folder.ts";
import { openPageStore } from "../../../../batch/inspect/open-store.ts";

const VALUE = Uint8Array.of(1, 2, 3);
const NAMES = { accountId: "account", namespaceId: "namespace" };

function backing(): KvBacking {
  const values = new Map([["demo/manifest", VALUE]]);
  return {
    get: async (key) => values.get(key) ?? null,
    put: async () => undefined,
    delete: async () => undefined,
    list: async () => ({ keys: [], cursor: null }),
  };
}

let state: string;
const closing: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), "lzero-store-"));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await rm(state, { recursive: true });
});

async function startKv(apiToken: string): Promise<string> {
  const { server, port } = await startKvRestServer({ ...NAMES, apiToken, port: 0, backing: backing() });
  closing.push(() => closeServer(server));
  return `http://127.0.0.1:${port}/client/v4`;
}

describe("openPageStore", () => {
  it("reads from the KV that the environment names", async () => {
    const baseUrl = await startKv("secret");
    const reader = await openPageStore(
      { state },
      {
        LZERO_KV_NAMESPACE_ID: NAMES.namespaceId,
        CLOUDFLARE_ACCOUNT_ID: NAMES.accountId,
        CLOUDFLARE_API_TOKEN: "secret",
        CLOUDFLARE_API_BASE_URL: baseUrl,
      },
    );
    expect(await reader.read("demo/manifest")).toEqual(VALUE);
    expect(await reader.read("other/manifest")).toBeNull();
  });

  it("names what the environment lacks once it names a namespace", async () => {
    await expect(openPageStore({ state }, { LZERO_KV_NAMESPACE_ID: "n" })).rejects.toMatchObject({
      code: "config_invalid",
      details: { variables: ["CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN"] },
    });
  });

  it("reads from the stack that runs on the state folder, with its keys", async () => {
    const folder = describeStateFolder(state);
    const { keys } = await loadOrCreateKeys(folder.keys);
    const lock = await StackLock.acquire(folder.lock);
    await expect(openPageStore({ state }, {})).rejects.toMatchObject({ code: "target_unknown" });
    await lock.noteKv({ ...NAMES, baseUrl: await startKv(keys.apiToken) });
    // Groups change when a child is started again: that keeps what was noted.
    await lock.update("http://127.0.0.1:1", []);
    const reader = await openPageStore({ state }, { CLOUDFLARE_API_TOKEN: "for other tools" });
    expect(await reader.read("demo/manifest")).toEqual(VALUE);
    await lock.release();
    await expect(openPageStore({ state }, {})).rejects.toMatchObject({ code: "target_unknown" });
  });
});

import { describe, expect, it } from "vitest";
import { KvPageReader } from "../../../workers/kv-page-reader.ts";

describe("KvPageReader", () => {
  it("says that storage failed when KV refuses, with the key and the cause", async () => {
    const cause = new Error("KV GET failed: 429 Too Many Requests");
    const kv = { get: () => Promise.reject(cause) } as unknown as ConstructorParameters<
      typeof KvPageReader
    >[0];
    await expect(new KvPageReader(kv).read("demo/manifest")).rejects.toMatchObject({
      code: "storage_read_failed",
      details: { key: "demo/manifest" },
      cause,
    });
  });
});

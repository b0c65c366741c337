import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { describePageStore } from "./contract.ts";

describePageStore("MemoryStore", (use) => use(new MemoryStore()));

describe("MemoryStore", () => {
  it("lists its keys in order", async () => {
    const store = new MemoryStore();
    await store.write(["b", "a"].map((key) => ({ key, value: Uint8Array.of(1) })));
    expect(store.keys()).toEqual(["a", "b"]);
  });
});

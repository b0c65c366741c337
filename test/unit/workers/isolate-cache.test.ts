import { describe, expect, it, vi } from "vitest";
import { IsolateCache } from "../../../workers/isolate-cache.ts";

const load = (value: string, sizeBytes: number) => async () => ({ value, sizeBytes });

describe("IsolateCache", () => {
  it("stays within its budget and drops what was used least recently", async () => {
    const cache = new IsolateCache(100);
    await cache.getOrLoad("a", load("a", 40));
    await cache.getOrLoad("b", load("b", 40));
    cache.get("a");
    await cache.getOrLoad("c", load("c", 40));
    expect(cache.sizeBytes).toBe(80);
    expect([cache.get("a"), cache.get("b"), cache.get("c")]).toEqual(["a", undefined, "c"]);
  });

  it("gives but does not keep what is larger than the budget", async () => {
    const cache = new IsolateCache(100);
    cache.set("a", "a", 10);
    expect(await cache.getOrLoad("b", load("b", 101))).toBe("b");
    expect([cache.get("a"), cache.get("b"), cache.sizeBytes]).toEqual(["a", undefined, 10]);
  });

  it("counts a value that is set again once", () => {
    const cache = new IsolateCache(100);
    cache.set("a", "old", 60);
    cache.set("a", "new", 70);
    expect([cache.get("a"), cache.sizeBytes]).toEqual(["new", 70]);
  });

  it("loads once for all who ask at the same time", async () => {
    const cache = new IsolateCache(100);
    const loader = vi.fn(load("a", 10));
    expect(await Promise.all([1, 2, 3].map(() => cache.getOrLoad("a", loader)))).toEqual(["a", "a", "a"]);
    expect(loader).toHaveBeenCalledTimes(1);
  });

  it("keeps neither absence nor failure", async () => {
    const cache = new IsolateCache(100);
    expect(await cache.getOrLoad("a", async () => null)).toBeNull();
    await expect(
      cache.getOrLoad("a", async () => {
        throw new Error("down");
      }),
    ).rejects.toThrow("down");
    expect(await cache.getOrLoad("a", load("a", 10))).toBe("a");
  });

  it("does not wait forever for a load whose request has ended", async () => {
    vi.useFakeTimers();
    try {
      const cache = new IsolateCache(100);
      void cache.getOrLoad("a", () => new Promise<null>(() => undefined));
      const second = cache.getOrLoad("a", load("a", 10));
      await vi.advanceTimersByTimeAsync(2000);
      expect(await second).toBe("a");
    } finally {
      vi.useRealTimers();
    }
  });

  it("raises floors and never lowers them", () => {
    const cache = new IsolateCache();
    cache.raiseFloor("i", 5);
    cache.raiseFloor("i", 3);
    expect([cache.generationFloor("i"), cache.generationFloor("other")]).toEqual([5, 0]);
  });
});

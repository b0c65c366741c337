import { describe, expect, it } from "vitest";
import { createLimiter } from "../../../../shared/query/limiter.ts";

describe("createLimiter", () => {
  it("starts work in order, never more than allowed at once, also after failures", async () => {
    const limit = createLimiter(3);
    const started: number[] = [];
    let running = 0;
    let most = 0;
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, at) =>
        limit(async () => {
          started.push(at);
          running++;
          most = Math.max(most, running);
          await new Promise((resolve) => setTimeout(resolve, at % 3));
          running--;
          if (at % 4 === 0) throw new Error(`work ${at}`);
          return at;
        }),
      ),
    );
    expect(most).toBe(3);
    expect(started).toEqual(Array.from({ length: 20 }, (_, at) => at));
    expect(results.map((result) => (result.status === "fulfilled" ? result.value : null))).toEqual(
      Array.from({ length: 20 }, (_, at) => (at % 4 === 0 ? null : at)),
    );
  });

  it("takes new work when old work is done", async () => {
    const limit = createLimiter(1);
    expect(await limit(async () => 1)).toBe(1);
    await expect(
      limit(async () => {
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(await limit(async () => 2)).toBe(2);
  });
});

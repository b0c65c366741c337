import { describe, expect, it } from "vitest";
import { runSeed } from "../../simulation/run.ts";

describe("runSeed", () => {
  it("gives the same run for the same seed", async () => {
    const once = await runSeed(18, { logLines: 10_000 });
    const again = await runSeed(18, { logLines: 10_000 });
    expect(again).toEqual(once);
    expect(once.events).toBeGreaterThan(1000);
  });
});

import { describe, expect, it } from "vitest";
import { BROKEN_VARIANTS } from "../../simulation/broken-variants.ts";
import { runSeed } from "../../simulation/run.ts";

describe("runSeed", () => {
  it("gives the same run for the same seed, whatever ran before and whether or not it is watched", async () => {
    const once = await runSeed(18, { logLines: 10_000 });
    await runSeed(19);
    const again = await runSeed(18, { logLines: 10_000 });
    expect(again).toEqual(once);
    expect(once.events).toBeGreaterThan(500);
    expect({ ...(await runSeed(18)), log: [] }).toEqual({ ...once, log: [] });
  });

  it("holds every invariant for some seeds", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      expect(await runSeed(seed)).toMatchObject({ seed, violation: null });
    }
  });
});

/** What has to notice each deliberate fault: the invariants that it may violate first, and within how many seeds. */
const NOTICED: Readonly<Record<string, { readonly by: readonly string[]; readonly within: number }>> = {
  "no-fence": { by: ["no orphan", "nothing half"], within: 100 },
  "delete-before-commit": { by: ["nothing lost", "truthful outcomes"], within: 10 },
  "versions-ignored": { by: ["highest version", "nothing deleted", "deletions", "look-ups"], within: 10 },
  "collect-live": { by: ["nothing half"], within: 10 },
  "collect-retained": { by: ["nothing half"], within: 20 },
  "outbox-without-retry": { by: ["publication"], within: 30 },
  "outbox-without-confirmation": { by: ["publication"], within: 30 },
  "deletions-forgotten": { by: ["nothing deleted"], within: 10 },
  "rollback-revives": { by: ["deletions"], within: 50 },
  "generation-forgotten": { by: ["generations never go back"], within: 50 },
  "keys-reused": { by: ["typed errors", "nothing half"], within: 10 },
};

describe("a simulation with a deliberate fault", () => {
  it.each(Object.keys(BROKEN_VARIANTS))("notices %s", { timeout: 180_000 }, async (variant) => {
    const { by, within } = NOTICED[variant]!;
    for (let seed = 1; seed <= within; seed++) {
      const { violation } = await runSeed(seed, { variant });
      if (violation === null) continue;
      expect(by).toContain(violation.invariant);
      return;
    }
    expect.unreachable(`none of ${within} seeds noticed it`);
  });
});

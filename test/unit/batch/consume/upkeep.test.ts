import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Upkeep } from "../../../../batch/consume/upkeep.ts";
import { createLogger } from "../../../../batch/logging.ts";
import type { BoundModel, IndexTarget } from "../../../../batch/publish/publish-target.ts";

const model = {} as BoundModel;
const target = (index: string) => ({ index }) as IndexTarget;

describe("Upkeep", () => {
  let turns: string[];
  beforeEach(() => {
    vi.useFakeTimers();
    turns = [];
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function make(maintain: (target: IndexTarget) => Promise<boolean>): Upkeep {
    return new Upkeep({
      logger: createLogger({ level: "silent" }),
      pauseMs: 1000,
      maintain: async (target) => {
        turns.push(target.index);
        return await maintain(target);
      },
    });
  }

  it("comes after a commit, one turn at a time, once for several commits meanwhile", async () => {
    let underWay = 0;
    const upkeep = make(async () => {
      expect(++underWay).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 100));
      underWay -= 1;
      return false;
    });
    for (let commits = 0; commits < 3; commits++) upkeep.committed(target("a"), model);
    await vi.advanceTimersByTimeAsync(50);
    for (let commits = 0; commits < 3; commits++) upkeep.committed(target("a"), model);
    await vi.advanceTimersByTimeAsync(500);
    expect(turns).toEqual(["a", "a"]);
  });

  it("goes on while there is more to merge", async () => {
    let left = 3;
    const upkeep = make(async () => --left > 0);
    upkeep.committed(target("a"), model);
    await vi.advanceTimersByTimeAsync(1);
    expect(turns).toEqual(["a", "a", "a"]);
  });

  it("is idle when the turn under way has ended", async () => {
    const upkeep = make(async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      turns.push("merged");
      return false;
    });
    upkeep.committed(target("a"), model);
    upkeep.stop();
    const idle = upkeep.idle();
    await vi.advanceTimersByTimeAsync(100);
    await idle;
    expect(turns).toEqual(["a", "merged"]);
  });

  it("looks again after a pause, also after a failure, at every index", async () => {
    let fails = true;
    const upkeep = make(async ({ index }) => {
      if (index === "a" && fails) throw new Error("catalog away");
      return false;
    });
    upkeep.committed(target("a"), model);
    upkeep.committed(target("b"), model);
    await vi.advanceTimersByTimeAsync(1);
    expect(turns).toEqual(["a", "b"]);
    fails = false;
    await vi.advanceTimersByTimeAsync(2000);
    expect(turns).toEqual(["a", "b", "a", "b", "a", "b"]);
  });

  it("begins nothing after a stop", async () => {
    const upkeep = make(async () => true);
    upkeep.stop();
    upkeep.committed(target("a"), model);
    await vi.advanceTimersByTimeAsync(5000);
    expect(turns).toEqual([]);
  });

  it("ends with the turn under way when it is stopped meanwhile", async () => {
    const upkeep = make(async () => {
      upkeep.stop();
      return true;
    });
    upkeep.committed(target("a"), model);
    await vi.advanceTimersByTimeAsync(5000);
    expect(turns).toEqual(["a"]);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Mutex } from "../../../../batch/consume/mutex.ts";
import { Upkeep } from "../../../../batch/consume/upkeep.ts";
import { createLogger } from "../../../../batch/logging.ts";
import type { BoundModel, IndexTarget } from "../../../../batch/publish/publish-target.ts";

const model = {} as BoundModel;
const target = (index: string) => ({ index }) as IndexTarget;

describe("Upkeep", () => {
  let turns: string[];
  let lane: Mutex;
  beforeEach(() => {
    vi.useFakeTimers();
    turns = [];
    lane = new Mutex();
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

  it("comes after a commit, once for several that wait", async () => {
    const upkeep = make(async () => false);
    const publishing = lane.run(() => new Promise((resolve) => setTimeout(resolve, 100)));
    upkeep.committed(target("a"), model, lane);
    upkeep.committed(target("a"), model, lane);
    expect(turns).toEqual([]);
    await vi.advanceTimersByTimeAsync(100);
    await publishing;
    await vi.advanceTimersByTimeAsync(1);
    expect(turns).toEqual(["a"]);
  });

  it("goes on while there is more to merge, letting what publishes come between", async () => {
    let left = 3;
    const upkeep = make(async () => --left > 0);
    upkeep.committed(target("a"), model, lane);
    void lane.run(async () => turns.push("published"));
    await vi.advanceTimersByTimeAsync(1);
    expect(turns).toEqual(["a", "published", "a", "a"]);
  });

  it("looks again after a pause, also after a failure, at every index", async () => {
    let fails = true;
    const upkeep = make(async ({ index }) => {
      if (index === "a" && fails) throw new Error("catalog away");
      return false;
    });
    upkeep.committed(target("a"), model, lane);
    upkeep.committed(target("b"), model, new Mutex());
    await vi.advanceTimersByTimeAsync(1);
    expect(turns).toEqual(["a", "b"]);
    fails = false;
    await vi.advanceTimersByTimeAsync(2000);
    expect(turns).toEqual(["a", "b", "a", "b", "a", "b"]);
  });

  it("begins nothing after a stop", async () => {
    const upkeep = make(async () => true);
    upkeep.stop();
    upkeep.committed(target("a"), model, lane);
    await vi.advanceTimersByTimeAsync(5000);
    expect(turns).toEqual([]);
  });

  it("ends with the turn under way when it is stopped meanwhile", async () => {
    const upkeep = make(async () => {
      upkeep.stop();
      return true;
    });
    upkeep.committed(target("a"), model, lane);
    await vi.advanceTimersByTimeAsync(5000);
    expect(turns).toEqual(["a"]);
  });
});

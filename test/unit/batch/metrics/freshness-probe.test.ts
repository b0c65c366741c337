import { describe, expect, it } from "vitest";
import { FreshnessProbe } from "../../../../batch/metrics/freshness-probe.ts";

/** A clock that only the probe's own waiting moves. */
class ProbeWorld {
  nowMs = 0;
  readonly asked: string[] = [];
  readonly seen: [index: string, seconds: number][] = [];
  answer: () => unknown = () => ({ generation: 0 });

  readonly probe = new FreshnessProbe({
    origin: "http://edge.test/",
    onVisible: (index, seconds) => this.seen.push([index, seconds]),
    intervalMs: 500,
    maxMs: 10_000,
    now: () => this.nowMs,
    sleep: async (ms) => {
      this.nowMs += ms;
    },
    fetch: async (input) => {
      this.asked.push(String(input));
      const body = this.answer();
      if (body instanceof Error) throw body;
      return Response.json(body);
    },
  });

  async settled(count: number): Promise<void> {
    while (this.seen.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

describe("FreshnessProbe", () => {
  it("reports how long the edge took to answer from the generation or a later one", async () => {
    const world = new ProbeWorld();
    world.answer = () => ({ generation: world.nowMs < 2000 ? 6 : 8 });
    world.probe.watch("demo", 7);
    await world.settled(1);
    expect(world.seen).toEqual([["demo", 2]]);
    expect(world.asked).toHaveLength(5);
    expect(world.asked[0]).toBe("http://edge.test/v1/indexes/demo/search?q=%EE%80%80&k=1");
  });

  it("asks again when the edge does not answer, or answers something else", async () => {
    const world = new ProbeWorld();
    const answers = [new Error("refused"), { code: "index_unavailable" }, { generation: 1 }];
    world.answer = () => answers.shift();
    world.probe.watch("demo", 1);
    await world.settled(1);
    expect(world.seen).toEqual([["demo", 1]]);
  });

  it("gives up after a while, and counts that as so long", async () => {
    const world = new ProbeWorld();
    world.probe.watch("demo", 1);
    await world.settled(1);
    expect(world.seen).toEqual([["demo", 10]]);
  });

  it("watches one generation of an index at a time, and the next when that is done", async () => {
    const world = new ProbeWorld();
    world.answer = () => ({ generation: world.nowMs / 500 });
    world.probe.watch("demo", 3);
    world.probe.watch("demo", 4);
    world.probe.watch("other", 1);
    await world.settled(2);
    expect(world.seen.map(([index]) => index).sort()).toEqual(["demo", "other"]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    world.probe.watch("demo", 9);
    await world.settled(3);
  });
});

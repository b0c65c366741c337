import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Batcher, type BatchItem, type BatchLimits, type Clock } from "../../../../batch/consume/batcher.ts";

/** A clock that moves only when told. */
class ManualClock implements Clock {
  #nowMs = 0;
  #calls: { atMs: number; call: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, call: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, call };
    this.#calls.push(entry);
    return () => {
      this.#calls = this.#calls.filter((other) => other !== entry);
    };
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#calls.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#nowMs = next.atMs;
      this.#calls = this.#calls.filter((other) => other !== next);
      next.call();
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

interface Item extends BatchItem {
  readonly name: string;
}

function item(name: string, documents = 1, sizeBytes = 1, lane = "a"): Item {
  return { name, documents, sizeBytes, lane };
}

/** A batcher that records its runs; each run ends when its `end` is called, or at once. */
function recorded(limits: Partial<BatchLimits> = {}, { concurrency = 1, hold = false } = {}) {
  const clock = new ManualClock();
  const runs: { lane: string; names: string[]; end: (reason?: Error) => void }[] = [];
  const batcher = new Batcher<Item>({
    limits: { maxDocuments: 10, maxBytes: 1000, maxAgeMs: 5000, ...limits },
    concurrency,
    clock,
    run: (lane, items) =>
      new Promise((resolve, reject) => {
        const end = (reason?: Error) => (reason === undefined ? resolve() : reject(reason));
        runs.push({ lane, names: items.map(({ name }) => name), end });
        if (!hold) end();
      }),
  });
  return { clock, runs, batcher, names: () => runs.map((run) => run.names.join("")) };
}

describe("Batcher", () => {
  it("runs a batch when its first item is old enough, not before", async () => {
    const { clock, batcher, names } = recorded();
    void batcher.add(item("x"));
    await clock.advance(3000);
    void batcher.add(item("y"));
    await clock.advance(1999);
    expect(names()).toEqual([]);
    await clock.advance(1);
    expect(names()).toEqual(["xy"]);
  });

  it("runs a batch at once when it has enough documents", async () => {
    const { batcher, names } = recorded();
    await Promise.all([batcher.add(item("x", 4)), batcher.add(item("y", 6))]);
    expect(names()).toEqual(["xy"]);
  });

  it("runs a batch at once when it has enough bytes", async () => {
    const { batcher, names } = recorded();
    await Promise.all([batcher.add(item("x", 1, 400)), batcher.add(item("y", 1, 600))]);
    expect(names()).toEqual(["xy"]);
  });

  it("closes a batch before an item that would pass its limits", async () => {
    const { clock, batcher, names } = recorded();
    void batcher.add(item("x", 6));
    void batcher.add(item("y", 6));
    expect(names()).toEqual(["x"]);
    await clock.advance(5000);
    expect(names()).toEqual(["x", "y"]);
  });

  it("runs an item alone that is larger than every limit", async () => {
    const { batcher, names } = recorded();
    await batcher.add(item("x", 50, 5000));
    expect(names()).toEqual(["x"]);
  });

  it("keeps lanes apart", async () => {
    const { clock, batcher, runs } = recorded();
    void batcher.add(item("x", 1, 1, "a"));
    void batcher.add(item("y", 1, 1, "b"));
    void batcher.add(item("z", 1, 1, "a"));
    await clock.advance(5000);
    expect(runs.map(({ lane, names }) => [lane, names])).toEqual([
      ["a", ["x", "z"]],
      ["b", ["y"]],
    ]);
  });

  it("goes on filling a due batch while a run is under way", async () => {
    const { clock, batcher, runs, names } = recorded({}, { hold: true });
    void batcher.add(item("x", 10));
    void batcher.add(item("y"));
    await clock.advance(9000);
    void batcher.add(item("z"));
    expect(names()).toEqual(["x"]);
    runs[0]!.end();
    await settle();
    expect(names()).toEqual(["x", "yz"]);
  });

  it("runs as many batches at once as it may", async () => {
    const { batcher, runs, names } = recorded({}, { hold: true, concurrency: 2 });
    for (const name of ["x", "y", "z"]) void batcher.add(item(name, 10));
    expect(names()).toEqual(["x", "y"]);
    expect([batcher.running, batcher.waiting]).toEqual([2, 1]);
    runs[1]!.end();
    await settle();
    expect(names()).toEqual(["x", "y", "z"]);
  });

  it("resolves an item only when its run has ended, and rejects it with the run's reason", async () => {
    const { batcher, runs } = recorded({}, { hold: true });
    const ended: string[] = [];
    const first = batcher.add(item("x", 10)).then(() => ended.push("x"));
    const second = batcher.add(item("y", 10));
    await settle();
    expect(ended).toEqual([]);
    runs[0]!.end();
    await first;
    await settle();
    runs[1]!.end(new Error("no store"));
    await expect(second).rejects.toThrow("no store");
  });

  it("hurries open batches to the age it is told", async () => {
    const { clock, batcher, names } = recorded();
    void batcher.add(item("x"));
    batcher.hurry(1000);
    await clock.advance(999);
    expect(names()).toEqual([]);
    await clock.advance(1);
    expect(names()).toEqual(["x"]);
    void batcher.add(item("y"));
    batcher.hurry();
    expect(names()).toEqual(["x", "y"]);
  });

  it("runs every item once, in order within its lane and within the limits", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            documents: fc.integer({ min: 1, max: 14 }),
            sizeBytes: fc.integer({ min: 1, max: 1300 }),
            lane: fc.constantFrom("a", "b"),
            pauseMs: fc.integer({ min: 0, max: 3000 }),
          }),
          { maxLength: 30 },
        ),
        async (steps) => {
          const { clock, batcher, runs } = recorded();
          const added: Item[] = [];
          for (const [position, { documents, sizeBytes, lane, pauseMs }] of steps.entries()) {
            const next = item(`${position}`, documents, sizeBytes, lane);
            added.push(next);
            void batcher.add(next);
            await clock.advance(pauseMs);
          }
          await clock.advance(5000);
          for (const lane of ["a", "b"]) {
            const ran = runs.filter((run) => run.lane === lane).flatMap((run) => run.names);
            expect(ran).toEqual(added.filter((one) => one.lane === lane).map(({ name }) => name));
          }
          for (const { names } of runs) {
            const items = names.map((name) => added[Number(name)]!);
            if (items.length > 1) {
              expect(items.reduce((sum, one) => sum + one.documents, 0)).toBeLessThanOrEqual(10);
              expect(items.reduce((sum, one) => sum + one.sizeBytes, 0)).toBeLessThanOrEqual(1000);
            }
          }
        },
      ),
      { numRuns: 60 },
    ));
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RequestThrottle } from "../../../../batch/storage/request-throttle.ts";

/** A throttle whose clock moves only when it sleeps. */
function simulated(limit: number, windowMs: number) {
  const clock = { nowMs: 0 };
  const throttle = new RequestThrottle({
    limit,
    windowMs,
    now: () => clock.nowMs,
    sleep: async (ms) => {
      clock.nowMs += ms;
    },
  });
  return { clock, throttle };
}

describe("RequestThrottle", () => {
  it("lets the limit through at once and the next one when the first leaves the window", async () => {
    const { clock, throttle } = simulated(3, 1000);
    const starts: number[] = [];
    for (let count = 0; count < 7; count++) {
      await throttle.acquire();
      starts.push(clock.nowMs);
    }
    expect(starts).toEqual([0, 0, 0, 1000, 1000, 1000, 2000]);
  });

  it("serves waiting requests in their order", async () => {
    const { throttle } = simulated(1, 10);
    const order: number[] = [];
    await Promise.all([0, 1, 2, 3].map((number) => throttle.acquire().then(() => order.push(number))));
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it("never has more than the limit in any window", () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 40 }),
        async (limit, gaps) => {
          const { clock, throttle } = simulated(limit, 1000);
          const starts: number[] = [];
          for (const gap of gaps) {
            clock.nowMs += gap;
            await throttle.acquire();
            starts.push(clock.nowMs);
          }
          for (const start of starts) {
            expect(
              starts.filter((other) => other >= start && other < start + 1000).length,
            ).toBeLessThanOrEqual(limit);
          }
        },
      ),
    ));
});

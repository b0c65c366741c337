import { describe, expect, it } from "vitest";
import { createProgressView, RateMeter } from "../../../../batch/dev/progress.ts";

describe("RateMeter", () => {
  it("counts the last ten seconds alone, so that a stall shows", () => {
    const meter = new RateMeter();
    expect(meter.add(0, 0)).toBe(0);
    expect(meter.add(1000, 500)).toBe(500);
    expect(meter.add(10_000, 5000)).toBe(500);
    expect(meter.add(21_000, 5000)).toBe(0);
  });

  it("is never negative: documents can become pending again", () => {
    const meter = new RateMeter();
    meter.add(0, 100);
    expect(meter.add(1000, 0)).toBe(0);
  });
});

describe("createProgressView", () => {
  it("writes a line every five seconds where there is no terminal, and none twice", () => {
    const lines: string[] = [];
    let nowMs = 0;
    const stream = { isTTY: false, write: (text: string) => lines.push(text) };
    const view = createProgressView(stream as never, () => nowMs);
    for (nowMs = 0; nowMs <= 12_000; nowMs += 1000) {
      view.update({ sent: 2000, pending: 2000 - Math.min(1500, nowMs / 4), total: 2000 });
    }
    view.print("done");
    view.stop();
    expect(lines).toEqual([
      "sent 2,000 of 2,000 · indexed 0 · 0 documents/s\n",
      "sent 2,000 of 2,000 · indexed 1,250 · 250 documents/s\n",
      "sent 2,000 of 2,000 · indexed 1,500 · 150 documents/s\n",
      "done\n",
    ]);
  });
});

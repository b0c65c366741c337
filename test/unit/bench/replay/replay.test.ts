import { describe, expect, it } from "vitest";
import { randomOf } from "../../../bench/collections/random.ts";
import { type ReplayedQuery, type ReplayOptions, replay } from "../../../bench/replay/replay.ts";
import { zipfRanks } from "../../../bench/replay/zipf.ts";

const MIB = 2 ** 20;

function query(...keys: string[]): ReplayedQuery {
  const page = (key: string) => ({ key, sizeBytes: MIB });
  return { phases: [[page("root")], keys.map(page)], postings: 1000 };
}

const OPTIONS: ReplayOptions = {
  scenario: { name: "one", locations: 1, isolates: 1, lifetimeMinutes: 1e9, queriesPerSecond: 1000 },
  hasEdge: false,
  isolateBytes: 64 * MIB,
  manifestBytes: 1000,
  cpu: { msPerCheckedByte: 1e-6, msPerPosting: 0, msPerSearch: 0 },
  random: randomOf(1),
};

describe("replay", () => {
  it("bills each value once an isolate, and none again", () => {
    const first = replay([query("a", "b")], OPTIONS);
    expect(first).toMatchObject({ values: 4, isolateHits: 0, billed: 4, billedManifests: 1 });
    const often = replay(new Array(100).fill(query("a", "b")), OPTIONS);
    expect(often.billed * 100).toBeCloseTo(4);
    expect(often.isolateHits).toBeCloseTo(396 / 400);
    expect(often.billedByThird.map((each) => each > 0)).toEqual([true, false, false]);
  });

  it("bills again what did not fit the isolate, unless the data centre has it", () => {
    const stream = Array.from({ length: 300 }, (_, at) => query(`${at % 100}`));
    const small = { ...OPTIONS, isolateBytes: 10 * MIB };
    // The root stays, of the hundred pages none is there when it comes again.
    expect(replay(stream, small).billed * 300).toBeCloseTo(302);
    const withEdge = replay(stream, { ...small, hasEdge: true });
    expect(withEdge.billed * 300).toBeCloseTo(102);
    expect(withEdge.edgeHits * withEdge.values).toBeCloseTo(200);
  });

  it("reads the manifest every ten seconds, and all of it when an isolate is new", () => {
    const slow = { ...OPTIONS.scenario, queriesPerSecond: 0.01 };
    const stream = new Array(200).fill(query("a"));
    const kept = replay(stream, { ...OPTIONS, scenario: slow });
    expect(kept.billedManifests).toBeGreaterThan(0.8);
    expect(kept.billed - kept.billedManifests).toBeCloseTo(2 / 200);
    const dying = replay(stream, { ...OPTIONS, scenario: { ...slow, lifetimeMinutes: 0 } });
    expect(dying.billed).toBeGreaterThan(2.9);
  });

  it("keeps data centres apart", () => {
    const far = { ...OPTIONS.scenario, locations: 8 };
    const stream = new Array(400).fill(query("a"));
    const result = replay(stream, { ...OPTIONS, scenario: far, hasEdge: true });
    expect(result.billed * 400).toBeCloseTo(8 * 3);
  });

  it("counts processor time for what is checked, and dollars for both", () => {
    const { cpuMs, dollars } = replay([query()], OPTIONS);
    expect(cpuMs.mean).toBeCloseTo(0.5 + MIB * 1e-6, 3);
    expect(dollars).toBeCloseTo(0.3 + 0.02 * cpuMs.mean + 0.5 * 2);
  });
});

describe("zipfRanks", () => {
  it("draws each rank in proportion to its power", () => {
    const next = zipfRanks(50, 1, randomOf(3));
    const counts = new Float64Array(50);
    for (let draw = 0; draw < 200_000; draw++) counts[next()]!++;
    const harmonic = counts.reduce((sum, _, rank) => sum + 1 / (rank + 1), 0);
    for (const rank of [0, 1, 9, 49]) {
      expect(counts[rank]! / 200_000).toBeCloseTo(1 / (rank + 1) / harmonic, 2);
    }
  });
});

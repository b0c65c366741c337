/** The soak's checker can fail: every kind of violation is told from an answer that is right. */
import { describe, expect, it } from "vitest";
import { Ledger } from "../../soak/ledger.ts";
import { describeSeries } from "../../soak/memory.ts";
import { Violations } from "../../soak/violations.ts";

function makeLedger() {
  const violations = new Violations();
  const ledger = new Ledger(violations);
  /** A document of which three writes are known: shown from generation 2, 5 and, deleted, 9. */
  const writes = [
    ["first", 2],
    ["second", 5],
    [null, 9],
  ] as const;
  for (const [text, generation] of writes) ledger.begin("a", "x y z", text).generation = generation;
  ledger.begin("b", "u v w", "other").generation = 3;
  return { violations, ledger, a: ledger.entries.get("a")!, b: ledger.entries.get("b")! };
}

describe("Ledger", () => {
  it("is content with what a generation may show", () => {
    const { ledger, violations, a, b } = makeLedger();
    const other = { id: "b", text: "other" };
    ledger.checkHits([{ id: "a", text: "first" }, other], 4);
    ledger.checkHits([{ id: "a", text: "second" }, other], 4); // committed before it was known to be
    ledger.checkHits([other], 9);
    expect(ledger.checkEntry(b, 1, [other], 3)).toBe(true);
    expect(ledger.checkEntry(a, 3, [other], 9)).toBe(true);
    expect(violations.counts).toEqual({ lost: 0, doubled: 0, halfSeen: 0, wrong: 0, wentBack: 0 });
    expect([...ledger.expected()]).toEqual([["b", "other"]]);
  });

  it("says nothing of a document that was written meanwhile, or is not known to be committed", () => {
    const { ledger, violations, b } = makeLedger();
    expect(ledger.checkEntry(b, 1, [], 2)).toBe(false);
    ledger.begin("b", "u v w", "newer");
    expect(ledger.checkEntry(b, 1, [], 3)).toBe(false);
    expect(violations.total).toBe(0);
  });

  it.each([
    ["doubled", 3, ["other", "other"]],
    ["wrong", 3, ["made up"]],
  ] as const)("finds a document that is %s", (kind, generation, texts) => {
    const { ledger, violations } = makeLedger();
    ledger.checkHits(
      texts.map((text) => ({ id: "b", text })),
      generation,
    );
    expect(violations.counts[kind]).toBe(1);
  });

  it.each([
    ["an old version", 5, "first"],
    ["a deleted document", 9, "second"],
  ])("finds %s in a generation that should not show it", (_, generation, text) => {
    const { ledger, violations } = makeLedger();
    ledger.checkHits([{ id: "a", text }], generation);
    expect(violations.counts.halfSeen).toBe(1);
  });

  it("finds what is not found, and what is found after another", () => {
    const { ledger, violations, b } = makeLedger();
    ledger.checkEntry(b, 1, [], 3);
    expect(violations.counts.lost).toBe(1);
    const hits = [
      { id: "a", text: "first" },
      { id: "b", text: "other" },
    ];
    ledger.checkEntry(b, 1, hits, 3);
    expect(violations.counts.wrong).toBe(1);
    expect(violations.examples).toHaveLength(2);
  });
});

describe("describeSeries", () => {
  it("tells growth from a level", () => {
    const level = describeSeries(Array(400).fill(100), 1000);
    expect(level).toMatchObject({ medianOfSecondQuarter: 100, medianOfLastQuarter: 100, slopePerMinute: 0 });
    const growing = describeSeries(
      Array.from({ length: 400 }, (_, at) => 100 + at),
      1000,
    );
    expect(growing.slopePerMinute).toBeCloseTo(60, 6);
    expect(growing.medianOfLastQuarter - growing.medianOfSecondQuarter).toBe(200);
    expect(growing.series.length).toBeLessThanOrEqual(120);
  });
});

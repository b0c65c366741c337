import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { memoryOption } from "../../../../batch/commands/memory-option.ts";
import { DEFAULT_MERGE_MEMORY, parseMemory, planMerge } from "../../../../batch/publish/merge-budget.ts";
import { BLOCK_DOCUMENT_BYTES } from "../../../../shared/format/merge-order.ts";

const MIB = 1024 * 1024;

describe("parseMemory", () => {
  it.each([
    ["64m", 64 * MIB],
    ["512M", 512 * MIB],
    ["1.5g", 1536 * MIB],
    ["2GB", 2048 * MIB],
    ["2GiB", 2048 * MIB],
    [" 131072k ", 128 * MIB],
  ])("reads %s", (text, bytes) => {
    expect(parseMemory(text)).toBe(bytes);
  });

  it.each([
    "",
    "512",
    "63m",
    "1k",
    "m",
    "-1g",
    "1e3m",
    "512 m",
    "0.5.1g",
    "1t",
    "9999999g",
    "NaNm",
    "Infinityg",
  ])("refuses %j", (text) => {
    expect(() => parseMemory(text)).toThrow(
      expect.objectContaining({ code: "memory_invalid", details: expect.objectContaining({ actual: text }) }),
    );
  });
});

describe("--memory", () => {
  const parse = (...args: string[]) =>
    new Command()
      .addOption(memoryOption())
      .exitOverride()
      .configureOutput({ writeErr: () => undefined })
      .parse(args, {
        from: "user",
      });

  it("has a default that the help names", () => {
    expect(parse().opts()).toEqual({ memory: parseMemory(DEFAULT_MERGE_MEMORY) });
    expect(parse().helpInformation()).toMatch(/--memory <size>.*512m/s);
  });

  it("takes a size, and says what is wrong with another", () => {
    expect(parse("--memory", "2g").opts()).toEqual({ memory: 2048 * MIB });
    expect(() => parse("--memory", "1m")).toThrow(/64m to \d+g/);
  });
});

describe("planMerge", () => {
  const inputs = (count: number, documents: number, sizeBytes: number) =>
    Array.from({ length: count }, () => ({ documents, sizeBytes }));

  it("does what fits in memory, without a scratch folder", () => {
    expect(planMerge(512 * MIB, inputs(9, 10_000, 5 * MIB), true)).toEqual({
      isInMemory: true,
      blockDocuments: Number.POSITIVE_INFINITY,
      bucketBytes: Number.POSITIVE_INFINITY,
    });
    expect(planMerge(512 * MIB, inputs(2, 10_000, 90 * MIB), false).isInMemory).toBe(false);
  });

  it("orders as many documents at once as fit, and never more memory than there is", () => {
    for (const memory of [128, 512, 2048]) {
      const plan = planMerge(memory * MIB, inputs(2, 5_000_000, 3000 * MIB), true);
      expect(plan.isInMemory).toBe(false);
      const taken = Math.max(plan.blockDocuments * BLOCK_DOCUMENT_BYTES, plan.bucketBytes * 4);
      if (memory > 300) expect(taken + 10_000_000 * 24).toBeLessThan(memory * MIB);
    }
    expect(planMerge(512 * MIB, inputs(100, 10_000, 3 * MIB), true).blockDocuments).toBeGreaterThan(
      1_000_000,
    );
  });

  it("goes on with the least where there is less than that", () => {
    expect(planMerge(1, inputs(2, 5_000_000, 3000 * MIB), true)).toEqual({
      isInMemory: false,
      blockDocuments: 156_250,
      bucketBytes: MIB,
    });
    expect(planMerge(1, inputs(2, 500, 3 * MIB), true).blockDocuments).toBe(1024);
  });
});

/** A soak of some seconds. The long one is `npm run soak`. LZERO_SOAK_SEED repeats a run's operations and faults. */
import { beforeAll, expect, it } from "vitest";
import { formatReport } from "../soak/report.ts";
import { runSoak } from "../soak/soak.ts";
import { buildIfStale } from "../support/local-stack.ts";

const seed = Number(process.env.LZERO_SOAK_SEED ?? Math.floor(Math.random() * 1e6));

beforeAll(() => {
  buildIfStale();
});

it(`loses, doubles and half-shows nothing in 500 operations with faults (seed ${seed})`, async () => {
  const report = await runSoak({
    operations: 500,
    seed,
    writers: 2,
    searchers: 2,
    meanFaultPauseMs: 300,
    edgeShare: 0,
    consumerArgs: [
      ...["--visibility-seconds", "2", "--flush-seconds", "0.3", "--request-timeout-seconds", "1"],
      ...["--threads", "1"],
    ],
  });
  console.log(`\n${formatReport(report)}`);
  expect(report.examples).toEqual([]);
  expect(report.violations).toEqual({ lost: 0, doubled: 0, halfSeen: 0, wrong: 0, wentBack: 0 });
  expect(report.searches.decisive).toBeGreaterThan(0);
  expect(report.final?.documents).toBeGreaterThan(100);
});

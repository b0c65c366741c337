/**
 * `npm run simulate`: many seeds over all cores, or one seed with its timeline. Prints what happened in the runs, and
 * exits 1 for a seed that violates an invariant or for runs in which some kind of event never came up.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { SingleBar } from "cli-progress";
import { BROKEN_VARIANTS } from "./broken-variants.ts";
import { Coverage, EVENTS } from "./coverage.ts";
import { type RunResult, runSeed } from "./run.ts";

const USAGE = `npm run simulate -- [options]

  --seeds N        how many seeds (1000)
  --first-seed S   the first of them (1)
  --threads T      cores to use (all)
  --seed S         one seed only
  --trace          with --seed: prints everything that happened
  --variant NAME   with a deliberate fault: ${Object.keys(BROKEN_VARIANTS).join(", ")}`;

/** Of a violating seed's timeline, what is printed without being asked for. */
const SHOWN_LINES = 60;
/** With fewer seeds rare events may well be missing. */
const MIN_SEEDS_FOR_COVERAGE = 500;
const PROGRESS_INTERVAL_MS = 15_000;

/** What a thread answers for a seed; errors do not pass between threads as they are. */
interface Report {
  readonly seed: number;
  readonly violation: string | null;
  readonly events: number;
  readonly coverage: RunResult["coverage"];
}

if (isMainThread) process.exitCode = await main();
else serve(workerData as string | null);

function serve(variant: string | null): void {
  parentPort!.on("message", async (seed: number) => {
    const { violation, events, coverage } = await runSeed(seed, { variant });
    const report: Report = { seed, violation: violation?.message ?? null, events, coverage };
    parentPort!.postMessage(report);
  });
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1000" },
      "first-seed": { type: "string", default: "1" },
      threads: { type: "string", default: String(availableParallelism()) },
      seed: { type: "string" },
      trace: { type: "boolean", default: false },
      variant: { type: "string" },
    },
  });
  const [seeds, firstSeed, threads, seed = null] = [
    values.seeds,
    values["first-seed"],
    values.threads,
    values.seed ?? null,
  ].map((given) => (given === null ? null : Number(given)));
  const variant = values.variant ?? null;
  const isUnknown = variant !== null && !(variant in BROKEN_VARIANTS);
  if (isUnknown || ![seeds, firstSeed, threads, seed ?? 0].every((each) => Number.isSafeInteger(each))) {
    console.error(USAGE);
    return 2;
  }
  if (seed !== null) return showSeed(seed, variant, values.trace ? Number.POSITIVE_INFINITY : SHOWN_LINES);
  return simulate(firstSeed!, seeds!, Math.max(1, threads!), variant);
}

async function showSeed(seed: number, variant: string | null, lines: number): Promise<number> {
  const { violation, log, events } = await runSeed(seed, { variant, logLines: lines });
  if (violation !== null || lines > SHOWN_LINES) for (const line of log) console.log(line);
  if (violation === null) {
    console.log(`seed ${seed}: all invariants held over ${events} events`);
    return 0;
  }
  const replay = [`--seed ${seed}`, "--trace", ...(variant === null ? [] : [`--variant ${variant}`])];
  console.log(`\nseed ${seed} violates ${violation.message}`);
  console.log(`replay: npm run simulate -- ${replay.join(" ")}`);
  return 1;
}

async function simulate(
  first: number,
  seeds: number,
  threads: number,
  variant: string | null,
): Promise<number> {
  const startedAtMs = Date.now();
  const coverage = new Coverage();
  let events = 0;
  let done = 0;
  const bar = progressBar(seeds);
  const violating = await runThreads(first, seeds, threads, variant, (report) => {
    coverage.addRun(report.coverage);
    events += report.events;
    done += 1;
    bar.update(done);
  });
  bar.stop();
  if (violating !== null) {
    const isAgain = (await showSeed(violating, variant, SHOWN_LINES)) !== 0;
    if (!isAgain) console.log("it did not hold before: the run depends on something besides its seed");
    return 1;
  }
  const seconds = (Date.now() - startedAtMs) / 1000;
  console.log(coverage.describe(done));
  console.log(
    `${done} seeds from ${first} on, ${events} events, ${seconds.toFixed(0)} s on ${threads} threads: all invariants held`,
  );
  const missing = seeds < MIN_SEEDS_FOR_COVERAGE ? [] : coverage.missing();
  for (const event of missing)
    console.log(`these runs prove nothing about ${EVENTS[event]}: there were none`);
  return missing.length === 0 ? 0 : 1;
}

/** @returns the first seed that was found to violate an invariant, after which no more are begun */
function runThreads(
  first: number,
  seeds: number,
  threads: number,
  variant: string | null,
  onReport: (report: Report) => void,
): Promise<number | null> {
  return new Promise((resolve) => {
    let next = first;
    let running = 0;
    const workers: Worker[] = [];
    const end = (violating: number | null) => {
      for (const worker of workers) void worker.terminate();
      resolve(violating);
    };
    const give = (worker: Worker): number => {
      const seed = next++;
      running += 1;
      worker.postMessage(seed);
      return seed;
    };
    for (let n = 0; n < Math.min(threads, seeds); n++) {
      const worker = new Worker(new URL(import.meta.url), { workerData: variant });
      workers.push(worker);
      let seed = give(worker);
      worker.on("message", (report: Report) => {
        running -= 1;
        onReport(report);
        if (report.violation !== null) end(seed);
        else if (next < first + seeds) seed = give(worker);
        else if (running === 0) end(null);
      });
      worker.on("error", (error) => {
        console.error(`seed ${seed} ended its thread:`, error);
        end(seed);
      });
    }
  });
}

function progressBar(total: number): { update(done: number): void; stop(): void } {
  if (process.stderr.isTTY) {
    const bar = new SingleBar({ format: "simulating {bar} {value}/{total} seeds, {eta_formatted} left" });
    bar.start(total, 0);
    return bar;
  }
  let printedAtMs = Date.now();
  return {
    update: (done) => {
      if (Date.now() - printedAtMs < PROGRESS_INTERVAL_MS) return;
      printedAtMs = Date.now();
      console.error(`${done} of ${total} seeds`);
    },
    stop: () => undefined,
  };
}

/** Runs one seed: work under faults, then quiet, drain, collection, and the invariants of what is left. */
import type { CoverageEvent } from "./coverage.ts";
import { checkEnd } from "./final-checks.ts";
import { Random } from "./random.ts";
import { Violation } from "./violation.ts";
import { installVirtualGlobals } from "./virtual-globals.ts";
import { MINUTE_MS, World } from "./world.ts";

export interface RunOptions {
  /** Name of a deliberate fault (broken-variants.ts). */
  readonly variant?: string | null;
  /** Keeps so many of the newest lines of the event log. */
  readonly logLines?: number;
}

export interface RunResult {
  readonly seed: number;
  /** What did not hold; null when all did. */
  readonly violation: Violation | null;
  readonly log: readonly string[];
  readonly events: number;
  readonly coverage: ReadonlyMap<CoverageEvent, number>;
}

const MAX_WORK_MS = 20 * MINUTE_MS;
const MAX_DRAIN_MS = 90 * MINUTE_MS;

/** The same seed gives the same run, whatever else the process does. */
export async function runSeed(
  seed: number,
  { variant = null, logLines = 0 }: RunOptions = {},
): Promise<RunResult> {
  const world = new World(seed, variant, logLines);
  const restore = installVirtualGlobals(world.timeline, new Random(seed ^ 0x5eed));
  let violation: Violation | null = null;
  try {
    await live(world);
  } catch (error) {
    violation = error instanceof Violation ? error : unexpected(error);
  } finally {
    restore();
  }
  return {
    seed,
    violation,
    log: world.logLines,
    events: world.timeline.events,
    coverage: world.coverage.counts,
  };
}

async function live(world: World): Promise<void> {
  await world.populate();
  const isWritten = () =>
    world.writers.every(({ left, unfinished, isBusy }) => left === 0 && unfinished === null && !isBusy);
  await world.advance(MAX_WORK_MS, isWritten);
  world.log(() => "faults end");
  world.isQuiet = true;
  if (!(await world.advance(MAX_DRAIN_MS, () => world.queue.size === 0 && isWritten()))) {
    throw new Violation(
      "progress",
      `${world.queue.size} messages are left ${MAX_DRAIN_MS / MINUTE_MS} minutes after the last fault`,
    );
  }
  await checkEnd(world);
}

function unexpected(error: unknown): Violation {
  return new Violation(
    "no surprise",
    error instanceof Error ? (error.stack ?? error.message) : String(error),
  );
}

/**
 * For tests alone: lets a consumer die at a named step, as if its machine had lost power there. `LZERO_CRASH_AT` names
 * the step, `publish.pages` or `merge.committed@2` (the second time that this process gets there), or a file:
 * `file:/path` is read at every step for such a name, so that a process that runs already can be told, and is deleted
 * before the death. Without the variable nothing is ever called. The steps are those of publisher, merger, query tables
 * and collector, in their order:
 *
 *     publish  tables · encoded · staged · pages · located:N · committed
 *     merge    merge-read · merged · staged · pages · located:N · committed
 *     weigh    tables · weighed
 *     collect  pages-deleted · collected
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { LzeroError } from "../../shared/errors.ts";
import type { OnStep } from "../publish/write-segment.ts";

export const CRASH_VARIABLE = "LZERO_CRASH_AT";
const FILE_PREFIX = "file:";

export type CrashPart = "publish" | "merge" | "weigh" | "collect";

interface CrashPoint {
  readonly part: string;
  readonly step: string;
  readonly nth: number;
}

/**
 * Reads the variable.
 * @param die ends the process; never returns
 * @returns what to call after each step of a part; null when the variable is not set
 * @throws LzeroError `config_invalid`; for a file that names no step, at a step
 */
export function readCrashPoint(
  value: string | undefined,
  die: () => void | Promise<void> = killThisProcess,
): ((part: CrashPart) => OnStep) | null {
  if (value === undefined || value === "") return null;
  if (value.startsWith(FILE_PREFIX)) return watchFile(value.slice(FILE_PREFIX.length), die);
  const dieAt = countSteps(parseCrashPoint(value), die);
  return (part) => (step) => dieAt(part, step);
}

/** Counts from the step on at which the file was first seen with what it says. */
function watchFile(path: string, die: () => void | Promise<void>): (part: CrashPart) => OnStep {
  let seen = "";
  let dieAt: ReturnType<typeof countSteps> | null = null;
  const dieWithoutFile = () => {
    rmSync(path);
    return die();
  };
  return (part) => (step) => {
    const value = existsSync(path) ? readFileSync(path, "utf8") : "";
    if (value !== seen) {
      seen = value;
      dieAt = value === "" ? null : countSteps(parseCrashPoint(value), dieWithoutFile);
    }
    return dieAt?.(part, step);
  };
}

function countSteps(
  point: CrashPoint,
  die: () => void | Promise<void>,
): (part: CrashPart, step: string) => void | Promise<void> {
  let times = 0;
  return (part, step) => {
    if (part !== point.part || step !== point.step) return;
    times += 1;
    if (times === point.nth) return die();
  };
}

function parseCrashPoint(value: string): CrashPoint {
  const [, part, step, nth = "1"] =
    /^(publish|merge|weigh|collect)\.([a-z-]+(?::\d+)?)(?:@([1-9]\d*))?$/.exec(value) ?? [];
  if (part === undefined || step === undefined) {
    throw new LzeroError("config_invalid", `${CRASH_VARIABLE} is a part and a step, e.g. publish.pages@2`, {
      variables: [CRASH_VARIABLE],
    });
  }
  return { part, step, nth: Number(nth) };
}

/** SIGKILL, which runs no handler and flushes nothing; what comes after the step must not run while it arrives. */
function killThisProcess(): Promise<never> {
  process.kill(process.pid, "SIGKILL");
  return new Promise(() => undefined);
}

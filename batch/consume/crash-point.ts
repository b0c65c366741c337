/**
 * For tests alone: lets a consumer die at a named step, as if its machine had lost power there. `LZERO_CRASH_AT` names
 * the step, `publish.pages` or `merge.committed@2` (the second time that this process gets there); without the variable
 * nothing is ever called. The steps are those of publisher, merger, query tables and collector, in their order:
 *
 *     publish  tables · encoded · staged · pages · located:N · committed
 *     merge    merge-read · merged · staged · pages · located:N · committed
 *     weigh    tables · weighed
 *     collect  pages-deleted · collected
 */
import { LzeroError } from "../../shared/errors.ts";
import type { OnStep } from "../publish/write-segment.ts";

export const CRASH_VARIABLE = "LZERO_CRASH_AT";

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
 * @throws LzeroError `config_invalid`
 */
export function readCrashPoint(
  value: string | undefined,
  die: () => void | Promise<void> = killThisProcess,
): ((part: CrashPart) => OnStep) | null {
  if (value === undefined || value === "") return null;
  const point = parseCrashPoint(value);
  let times = 0;
  return (part) => (step) => {
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

/**
 * Which processes run, told apart even when the system gives a process id out again: an id counts together with the
 * time its process began. Knows Linux by /proc and other systems by `ps`.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A process and when it began, in whatever form the system says it; compared only for equality. */
export interface ProcessMark {
  readonly pid: number;
  readonly startedAt: string;
}

const GROUP_POLL_MS = 50;

/** @returns null when no such process runs (a zombie does not run) */
export function markProcess(pid: number): ProcessMark | null {
  if (process.platform === "linux") {
    const fields = readStat(pid);
    return fields === null || fields.state === "Z" ? null : { pid, startedAt: fields.startedAt };
  }
  const startedAt = ps(["-o", "lstart=", "-p", String(pid)]).trim();
  return startedAt === "" ? null : { pid, startedAt };
}

export function isRunning(mark: ProcessMark): boolean {
  return markProcess(mark.pid)?.startedAt === mark.startedAt;
}

/** Processes of a group that run, the leader included. */
export function listGroup(group: number): number[] {
  if (process.platform === "linux") {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        const fields = readStat(pid);
        return fields !== null && fields.group === group && fields.state !== "Z";
      });
  }
  return ps(["-A", "-o", "pid=,pgid="])
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, pgid]) => pgid === group)
    .map(([pid]) => pid!);
}

/** Kills a whole group at once and waits until none of it runs. */
export async function killGroup(group: number): Promise<void> {
  while (listGroup(group).length > 0) {
    try {
      process.kill(-group, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return;
      throw error;
    }
    await sleep(GROUP_POLL_MS);
  }
}

/** proc_pid_stat(5): the second field, the name in parentheses, may itself hold spaces and parentheses. */
function readStat(
  pid: number,
): { readonly state: string; readonly group: number; readonly startedAt: string } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0]!, group: Number(fields[2]), startedAt: fields[19]! };
  } catch {
    return null;
  }
}

function ps(args: readonly string[]): string {
  try {
    return execFileSync("ps", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
}

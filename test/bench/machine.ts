/** What a figure depends on besides the code: the machine and the commit, as results name them. */
import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";

const GIB = 1024 ** 3;

export function describeMachine(): object {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / GIB),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    /** Of the minute before; a figure from a busy machine says little. */
    loadAverage: Math.round(loadavg()[0]! * 100) / 100,
  };
}

/** The commit, with `+` behind it where tracked files differ from it; null outside of a repository. */
export function describeCommit(): string | null {
  try {
    const git = (...args: string[]) => execFileSync("git", args, { encoding: "utf8" }).trim();
    const isDirty = git("status", "--porcelain", "--untracked-files=no") !== "";
    return git("rev-parse", "--short=12", "HEAD") + (isDirty ? "+" : "");
  } catch {
    return null;
  }
}

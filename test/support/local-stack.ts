/** The real stack for tests: the built command line with a state folder of its own, and what it prints. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const CLI = `${ROOT}dist/batch/cli.js`;

/** Builds what `npm start` runs, unless it is there and newer than every source. */
export function buildIfStale(): void {
  const targets = [
    { name: "batch", output: CLI, sources: ["batch", "shared"] },
    { name: "worker", output: `${ROOT}dist/worker/index.js`, sources: ["workers", "shared"] },
  ];
  for (const { name, output, sources } of targets) {
    const builtMs = existsSync(output) ? statSync(output).mtimeMs : 0;
    if (sources.every((folder) => newestSource(ROOT + folder) <= builtMs)) continue;
    execFileSync(process.execPath, ["esbuild.config.mjs", name], {
      cwd: ROOT,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
}

function newestSource(folder: string): number {
  const times = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|js|css|as)$/.test(entry.name))
    .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs);
  return Math.max(...times);
}

export class LocalStack {
  readonly process: ChildProcess;
  output = "";

  constructor(statePath: string, args: readonly string[]) {
    this.process = spawn(process.execPath, [CLI, "dev", "--state", statePath, "--port", "0", ...args], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.process.stdout!, this.process.stderr!]) {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => {
        this.output += text;
      });
    }
  }

  /** Waits for a line; fails with everything printed when the stack ends before it. */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.output);
      if (found !== null) return found;
      if (this.process.exitCode !== null || this.process.signalCode !== null) {
        throw new Error(`the stack ended before ${pattern}:\n${this.output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** @returns the exit code; null when a signal ended it */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    const exited = once(this.process, "exit");
    this.process.kill(signal);
    await exited;
    return this.process.exitCode;
  }
}

/** Processes that run and whose parents lead up to this one (Linux; elsewhere an empty list). */
export function listDescendants(ancestor: number): number[] {
  return listProcesses()
    .filter(({ parent }) => parent === ancestor)
    .flatMap(({ pid }) => [pid, ...listDescendants(pid)]);
}

export function isAlive(pid: number): boolean {
  return listProcesses().some((entry) => entry.pid === pid);
}

function listProcesses(): { readonly pid: number; readonly parent: number }[] {
  if (!existsSync("/proc/self/stat")) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const text = readFileSync(`/proc/${name}/stat`, "utf8");
        const [state, parent] = text.slice(text.lastIndexOf(")") + 2).split(" ");
        return state === "Z" ? [] : [{ pid: Number(name), parent: Number(parent) }];
      } catch {
        return [];
      }
    });
}

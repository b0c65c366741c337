/**
 * The folder in which a merge keeps what memory does not hold, below the one for temporary files. It is removed when the
 * merge has ended, however it ended, and when the process ends; what a killed process left is removed by the next one.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { constants, hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { LzeroError } from "../../shared/errors.ts";

/** Without a listener these end the process before it could remove anything. */
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export class Scratch {
  readonly folder: string;
  readonly #undo: () => void;

  /**
   * Makes a folder.
   * @param parent @default that for temporary files, which TMPDIR names
   * @throws LzeroError `scratch_failed`
   */
  constructor(parent: string = tmpdir()) {
    removeLeftOver(parent);
    try {
      this.folder = mkdtempSync(join(parent, `${folderPrefix()}${process.pid}-`));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new LzeroError(
        "scratch_failed",
        `a merge of this size needs a scratch folder in ${parent}, but: ${reason}`,
        { folder: parent },
        cause,
      );
    }
    const onExit = () => removeFolder(this.folder);
    const onSignal = (signal: NodeJS.Signals) => process.exit(128 + constants.signals[signal]);
    // Who listens ends the process in order.
    const signals = ENDING_SIGNALS.filter((signal) => process.listenerCount(signal) === 0);
    process.on("exit", onExit);
    for (const signal of signals) process.on(signal, onSignal);
    this.#undo = () => {
      process.off("exit", onExit);
      for (const signal of signals) process.off(signal, onSignal);
    };
  }

  remove(): void {
    removeFolder(this.folder);
    this.#undo();
  }
}

/** Machine and process are in the name, so that no folder in use is taken for one that was left. */
function folderPrefix(): string {
  return `lzero-merge-${hostname().replace(/[^A-Za-z0-9]/g, "_")}-`;
}

function removeLeftOver(parent: string): void {
  const prefix = folderPrefix();
  for (const name of listNames(parent)) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number(/^(\d+)-/.exec(name.slice(prefix.length))?.[1] ?? Number.NaN);
    if (Number.isNaN(pid)) continue;
    const folder = join(parent, name);
    if (pid === process.pid ? isOlderThanThisProcess(folder) : !isRunning(pid)) removeFolder(folder);
  }
}

function listNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Whoever makes something in it will say what is wrong with it.
    return [];
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** In a container that was started again, the process before may have had the same id. */
function isOlderThanThisProcess(folder: string): boolean {
  const startedMs = Date.now() - process.uptime() * 1000;
  const madeMs = statSync(folder, { throwIfNoEntry: false })?.birthtimeMs;
  return madeMs !== undefined && madeMs < startedMs - 1000;
}

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

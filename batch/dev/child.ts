/**
 * One supervised child: started, watched, started again after a crash with growing pauses, stopped in order. It leads
 * a process group of its own, so that Ctrl-C reaches only the supervisor, and so that what the child itself started
 * (workerd) ends with it whatever happens.
 */
import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LzeroError } from "../../shared/errors.ts";
import { isReadyMessage, SUPERVISED_VARIABLE } from "./ipc.ts";
import { killGroup, markProcess, type ProcessMark } from "./processes.ts";

export interface ChildOptions {
  readonly name: string;
  /** Script and its arguments; no secrets. */
  readonly script: string;
  readonly args: readonly string[];
  /** Called before every start, since ports of other children are known only then. */
  readonly environment: () => Readonly<Record<string, string>>;
  readonly logPath: string;
  /** True: the child reports ready by IPC. False: it counts as ready once started. */
  readonly reportsReady: boolean;
  readonly readyTimeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly firstRestartDelayMs?: number;
  readonly maxRestartDelayMs?: number;
  /** Crashes within CRASH_WINDOW_MS after which it is given up. @default 5 */
  readonly maxCrashes?: number;
  /** A new process runs (mark) or the last one ended (null). */
  readonly onChange: (mark: ProcessMark | null) => void;
  readonly onRestart: (attempt: number, reason: string) => void;
  /** It crashed too often, and is not started again. */
  readonly onGiveUp: (error: LzeroError) => void;
}

const MAX_CRASHES = 5;
const CRASH_WINDOW_MS = 120_000;
const FIRST_RESTART_DELAY_MS = 500;
const MAX_RESTART_DELAY_MS = 8000;
const LOG_TAIL_LINES = 15;

export class SupervisedChild {
  readonly #options: ChildOptions;
  #process: ChildProcess | null = null;
  #ports: Readonly<Record<string, number>> = {};
  #crashTimes: number[] = [];
  #stopping = false;

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  /** What the child reported last. */
  get ports(): Readonly<Record<string, number>> {
    return this.#ports;
  }

  get name(): string {
    return this.#options.name;
  }

  /** The process that runs now; null between a crash and the next start. */
  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Starts the child and waits until it is ready. @throws LzeroError `child_failed` with the end of its log */
  async start(): Promise<void> {
    const { name, readyTimeoutMs, logPath } = this.#options;
    const log = openSync(logPath, "a", 0o600);
    const child = fork(this.#options.script, this.#options.args, {
      stdio: ["ignore", log, log, "ipc"],
      detached: true,
      env: { ...process.env, ...this.#options.environment(), [SUPERVISED_VARIABLE]: "1" },
    });
    closeSync(log);
    this.#process = child;
    if (child.pid !== undefined) this.#options.onChange(markProcess(child.pid));
    const exited = new Promise<string>((resolve) => {
      child.once("exit", (code, signal) =>
        resolve(signal === null ? `exit code ${code}` : `signal ${signal}`),
      );
      child.once("error", (error) => resolve(error.message));
    });
    const ready = this.#options.reportsReady
      ? new Promise<null>((resolve) => {
          child.on("message", (message) => {
            if (!isReadyMessage(message)) return;
            this.#ports = message.ports;
            resolve(null);
          });
        })
      : Promise.resolve(null);
    const timer = new AbortController();
    const late = sleep(readyTimeoutMs, `not ready after ${readyTimeoutMs / 1000} s`, {
      signal: timer.signal,
    });
    const failure = await Promise.race([ready, exited, late.catch(() => null)]);
    timer.abort();
    if (failure !== null) {
      await this.#clean(child);
      throw new LzeroError("child_failed", `${name} did not start: ${failure}\n${this.#describeLog()}`, {
        name,
      });
    }
    void exited.then((reason) => this.#handleExit(child, reason));
  }

  /** Asks the child to end, waits, then kills its group. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#process;
    if (child === null) return;
    child.kill("SIGTERM");
    const timer = new AbortController();
    const ended = new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve();
      child.once("exit", () => resolve());
    });
    await Promise.race([
      ended,
      sleep(this.#options.stopTimeoutMs, undefined, { signal: timer.signal }).catch(() => undefined),
    ]);
    timer.abort();
    await this.#clean(child);
  }

  /** Ends the child's group at once. */
  async kill(): Promise<void> {
    this.#stopping = true;
    if (this.#process !== null) await this.#clean(this.#process);
  }

  async #handleExit(child: ChildProcess, reason: string): Promise<void> {
    if (this.#process !== child) return;
    await this.#clean(child);
    while (!this.#stopping) {
      const nowMs = Date.now();
      this.#crashTimes = [...this.#crashTimes.filter((time) => nowMs - time < CRASH_WINDOW_MS), nowMs];
      const crashes = this.#crashTimes.length;
      if (crashes >= (this.#options.maxCrashes ?? MAX_CRASHES)) {
        const message = `${this.name} ended ${crashes} times in ${CRASH_WINDOW_MS / 1000} s, the last time by ${reason}`;
        this.#options.onGiveUp(
          new LzeroError("child_failed", `${message}\n${this.#describeLog()}`, { name: this.name }),
        );
        return;
      }
      this.#options.onRestart(crashes, reason);
      const first = this.#options.firstRestartDelayMs ?? FIRST_RESTART_DELAY_MS;
      const longest = this.#options.maxRestartDelayMs ?? MAX_RESTART_DELAY_MS;
      await sleep(Math.min(longest, first * 2 ** (crashes - 1)));
      if (this.#stopping) return;
      try {
        await this.start();
        return;
      } catch {
        // Counts as one crash more: round again.
      }
    }
  }

  /** Ends what is left of a child's group. */
  async #clean(child: ChildProcess): Promise<void> {
    if (child.pid !== undefined) await killGroup(child.pid);
    if (this.#process === child) {
      this.#process = null;
      this.#options.onChange(null);
    }
  }

  #describeLog(): string {
    let lines: string[] = [];
    try {
      lines = readFileSync(this.#options.logPath, "utf8").trimEnd().split("\n");
    } catch {
      // A log that cannot be read is no reason to lose the message itself.
    }
    const tail = lines.slice(-LOG_TAIL_LINES).map((line) => `  | ${line.slice(0, 400)}`);
    return [`The end of ${this.#options.logPath}:`, ...tail].join("\n");
  }
}

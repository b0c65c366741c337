/**
 * A contender that runs in a process and answers a line of JSON for a line. In: its command. Out: its answers. All
 * contenders stay open, so that passes can alternate and a slow minute of the machine meets them all.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const KEPT_CHARACTERS = 2000;
/** True where a process can be bound to cores. */
export const CAN_PIN = spawnSync("taskset", ["-V"]).status === 0;

export class ContenderProcess {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;
  private words = "";

  private constructor(child: ChildProcess) {
    this.child = child;
    this.lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.words = (this.words + text).slice(-KEPT_CHARACTERS);
    });
  }

  /**
   * Starts the process on as many cores as it has threads, where the system can bind it.
   * @returns the process and its first line
   * @throws Error with the process's last words when it ends before
   */
  static async start<Ready>(
    command: readonly string[],
    threads: number,
  ): Promise<{ process: ContenderProcess; ready: Ready }> {
    const [program, ...args] = [...(CAN_PIN ? ["taskset", "-c", `0-${threads - 1}`] : []), ...command];
    const env = {
      ...process.env,
      OMP_NUM_THREADS: `${threads}`,
      RAYON_NUM_THREADS: `${threads}`,
      HF_HUB_OFFLINE: "1",
    };
    const contender = new ContenderProcess(spawn(program!, args, { env, stdio: ["pipe", "pipe", "pipe"] }));
    try {
      return { process: contender, ready: await contender.read<Ready>() };
    } catch (error) {
      await contender.close();
      throw error;
    }
  }

  async ask<Answer>(): Promise<Answer> {
    this.child.stdin!.write("\n");
    return this.read();
  }

  /** Ends the process. */
  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = once(this.child, "close");
    this.child.stdin!.end();
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 5000);
    await closed;
    clearTimeout(timer);
  }

  private async read<Answer>(): Promise<Answer> {
    const { value, done } = await this.lines.next();
    if (!done) return JSON.parse(value) as Answer;
    throw new Error(`the process ended: ${this.words.trim() || `exit ${this.child.exitCode}`}`);
  }
}

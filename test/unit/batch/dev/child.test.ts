import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ChildOptions, SupervisedChild } from "../../../../batch/dev/child.ts";
import { listGroup, type ProcessMark } from "../../../../batch/dev/processes.ts";
import type { LzeroError } from "../../../../shared/errors.ts";

let folder: string;
let child: SupervisedChild | null = null;
let marks: (ProcessMark | null)[] = [];
let restarts: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lzero-child-"));
  marks = [];
  restarts = [];
});
afterEach(async () => {
  await child?.kill();
  child = null;
  await rm(folder, { recursive: true });
});

/** @param source the child's script; `ready()` reports to the supervisor */
async function make(source: string, options: Partial<ChildOptions> = {}): Promise<SupervisedChild> {
  const script = join(folder, "child.cjs");
  const ready = `const ready = () => process.send({type: "ready", ports: {a: 1}});\n`;
  await writeFile(script, ready + source);
  child = new SupervisedChild({
    name: "test child",
    script,
    args: [],
    environment: () => ({}),
    logPath: join(folder, "child.log"),
    reportsReady: true,
    readyTimeoutMs: 10_000,
    stopTimeoutMs: 5000,
    firstRestartDelayMs: 10,
    onChange: (mark) => marks.push(mark),
    onRestart: (_, reason) => restarts.push(reason),
    onGiveUp: () => undefined,
    ...options,
  });
  return child;
}

const STAY = "setInterval(() => {}, 1000);";
const pidNow = (): number => marks.findLast((mark) => mark !== null)!.pid;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

describe("SupervisedChild", () => {
  it("is ready when the child says so, and stops it in order", async () => {
    const started = await make(
      `${STAY} process.on("SIGTERM", () => { console.log("bye"); process.exit(0) }); ready()`,
    );
    await started.start();
    expect(started.ports).toEqual({ a: 1 });
    await started.stop();
    expect(await readFile(join(folder, "child.log"), "utf8")).toContain("bye");
    expect(listGroup(pidNow())).toEqual([]);
    expect(restarts).toEqual([]);
  });

  it("fails to start with the end of the log when the child ends, or is never ready", async () => {
    const failing = await make(`console.error("no such thing"); process.exit(3)`);
    await expect(failing.start()).rejects.toMatchObject({
      code: "child_failed",
      message: expect.stringMatching(/exit code 3[\s\S]*no such thing/),
    });
    const silent = await make(STAY, { readyTimeoutMs: 300 });
    await expect(silent.start()).rejects.toMatchObject({ message: expect.stringContaining("0.3 s") });
    expect(listGroup(pidNow())).toEqual([]);
  });

  it("starts a child that was killed again, together with nothing of its old group", async () => {
    const grandchild = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(STAY)}], {stdio: "ignore"});`;
    const killed = await make(`${grandchild} ${STAY} ready()`);
    await killed.start();
    const first = pidNow();
    expect(listGroup(first)).toHaveLength(2);
    process.kill(first, "SIGKILL");
    await until(() => pidNow() !== first);
    expect(listGroup(first)).toEqual([]);
    expect(restarts).toEqual(["signal SIGKILL"]);
  });

  it("gives up after five crashes", async () => {
    const gaveUp = new Promise<LzeroError>((resolve) => {
      void make(`ready(); setTimeout(() => { console.log("again"); process.exit(1) }, 20)`, {
        onGiveUp: resolve,
      }).then((crashing) => crashing.start());
    });
    expect((await gaveUp).message).toMatch(/test child ended 5 times[\s\S]*exit code 1[\s\S]*again/);
    expect(restarts).toHaveLength(4);
    expect(marks.at(-1)).toBeNull();
  });

  it("kills a child that does not stop in time", async () => {
    const stubborn = await make(`${STAY} process.on("SIGTERM", () => {}); ready()`, { stopTimeoutMs: 200 });
    await stubborn.start();
    const pid = pidNow();
    await stubborn.stop();
    expect(listGroup(pid)).toEqual([]);
  });

  it("keeps what the environment gives off the command line", async () => {
    const careful = await make(`console.log(process.env.SECRET, process.argv.length); ${STAY} ready()`, {
      environment: () => ({ SECRET: "s3cret" }),
    });
    await careful.start();
    const commandLine =
      process.platform === "linux" ? await readFile(`/proc/${pidNow()}/cmdline`, "utf8") : "";
    expect(commandLine).not.toContain("s3cret");
    await careful.stop();
    expect(await readFile(join(folder, "child.log"), "utf8")).toContain("s3cret 2");
  });
});

describe("a child whose supervisor is killed", () => {
  it("ends by itself", async () => {
    const { fork } = await import("node:child_process");
    const child = join(folder, "orphan.mjs");
    const ipc = new URL("../../../../batch/dev/ipc.ts", import.meta.url);
    const { build } = await import("esbuild");
    await build({
      stdin: {
        contents: `import { endWithSupervisor } from ${JSON.stringify(ipc.pathname)};
          endWithSupervisor(); setInterval(() => {}, 1000); process.send(process.pid);`,
        resolveDir: folder,
      },
      outfile: child,
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "error",
      nodePaths: [join(process.cwd(), "node_modules")],
    });
    const supervisor = join(folder, "supervisor.cjs");
    await writeFile(
      supervisor,
      `require("node:child_process").fork(${JSON.stringify(child)}, [], {detached: true, env: {...process.env, LZERO_SUPERVISED: "1"}})
        .on("message", (pid) => process.send(pid));`,
    );
    const process_ = fork(supervisor, { stdio: "ignore" });
    const [pid] = (await once(process_, "message")) as [number];
    expect(listGroup(pid)).toEqual([pid]);
    process_.kill("SIGKILL");
    await until(() => listGroup(pid).length === 0);
  });
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readRunningUrl, StackLock } from "../../../../batch/dev/lock.ts";
import { isRunning, listGroup, markProcess } from "../../../../batch/dev/processes.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lzero-lock-"));
  path = join(folder, "lock.json");
});
afterEach(() => rm(folder, { recursive: true }));

/** A process id that ran a moment ago and does not run now. */
async function endedProcess() {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  const mark = markProcess(child.pid!)!;
  child.kill("SIGKILL");
  await once(child, "exit");
  return mark;
}

describe("StackLock", () => {
  it("is refused to a second owner while the first runs, and says where that one is", async () => {
    const lock = await StackLock.acquire(path);
    await lock.update("http://127.0.0.1:1234", []);
    expect(await readRunningUrl(path)).toBe("http://127.0.0.1:1234");
    await expect(StackLock.acquire(path)).rejects.toMatchObject({
      code: "already_running",
      message: expect.stringContaining("http://127.0.0.1:1234"),
      details: { pid: process.pid },
    });
    await lock.release();
    await (await StackLock.acquire(path)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it("is readable by its owner alone", async () => {
    await StackLock.acquire(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("is taken over from an owner that ended", async () => {
    const owner = await endedProcess();
    await writeFile(path, JSON.stringify({ owner, url: "http://127.0.0.1:1", groups: [] }));
    expect(await readRunningUrl(path)).toBeNull();
    await StackLock.acquire(path);
    expect(JSON.parse(await readFile(path, "utf8")).owner.pid).toBe(process.pid);
  });

  it("is taken over when the owner's process id belongs to another process now", async () => {
    const owner = { pid: process.pid, startedAt: "another time" };
    await writeFile(path, JSON.stringify({ owner, url: null, groups: [] }));
    await StackLock.acquire(path);
  });

  it.each(["", "{", '{"owner": 1}'])("is taken over when its file says %j", async (content) => {
    await writeFile(path, content);
    await StackLock.acquire(path);
  });

  it("goes to exactly one of many that find a dead one at once", async () => {
    const owner = await endedProcess();
    for (let round = 0; round < 20; round++) {
      await writeFile(path, JSON.stringify({ owner, url: null, groups: [] }));
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => StackLock.acquire(path)));
      expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    }
  });

  it("ends what a dead owner left running, its group included", async () => {
    const owner = await endedProcess();
    const script = `const {spawn} = require("node:child_process");
      spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {stdio: "ignore"});
      setInterval(() => {}, 1000); console.log("up")`;
    const leader = spawn(process.execPath, ["-e", script], {
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(leader.stdout, "data");
    const mark = markProcess(leader.pid!)!;
    expect(listGroup(mark.pid)).toHaveLength(2);
    await writeFile(path, JSON.stringify({ owner, url: null, groups: [mark] }));
    await StackLock.acquire(path, 200);
    expect(listGroup(mark.pid)).toEqual([]);
  });
});

describe("isRunning", () => {
  it("tells a process from one that has its id later", async () => {
    const mark = markProcess(process.pid)!;
    expect(isRunning(mark)).toBe(true);
    expect(isRunning({ ...mark, startedAt: `${mark.startedAt}0` })).toBe(false);
    const ended = await endedProcess();
    await sleep(10);
    expect(isRunning(ended)).toBe(false);
  });
});

import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadOrCreateKeys } from "../../../../batch/dev/keys.ts";
import { StackLock } from "../../../../batch/dev/lock.ts";
import { describeStateFolder, openStateFolder } from "../../../../batch/dev/state-folder.ts";
import { resetState } from "../../../../batch/dev/supervise.ts";

let parent: string;
let path: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "lzero-state-"));
  path = join(parent, "state");
});
afterEach(() => rm(parent, { recursive: true }));

describe("openStateFolder", () => {
  it("makes a folder for its owner alone and finds it again", async () => {
    const folder = await openStateFolder(path);
    expect((await stat(folder.root)).mode & 0o777).toBe(0o700);
    await expect(openStateFolder(path)).resolves.toMatchObject({ root: path });
  });

  it("refuses a folder with other files, and one of a later format", async () => {
    await mkdir(path);
    await writeFile(join(path, "thesis.tex"), "");
    await expect(openStateFolder(path)).rejects.toMatchObject({ code: "state_folder_foreign" });
    await rm(join(path, "thesis.tex"));
    await openStateFolder(path);
    await writeFile(join(path, "lzero-state.json"), '{"kind":"lzero local stack","formatVersion":2}');
    await expect(openStateFolder(path)).rejects.toMatchObject({ code: "state_folder_newer" });
  });
});

describe("resetState", () => {
  it("deletes a folder of ours, and finds nothing the next time", async () => {
    await openStateFolder(path);
    await resetState(path);
    expect(await readdir(parent)).toEqual([]);
    await resetState(path);
  });

  it("deletes nothing while a stack runs", async () => {
    const folder = await openStateFolder(path);
    const lock = await StackLock.acquire(folder.lock);
    await expect(resetState(path)).rejects.toMatchObject({ code: "already_running" });
    await lock.release();
    expect(await readdir(path)).toContain("lzero-state.json");
  });

  it("deletes no folder that is not ours, not even its lock.json, and follows no link", async () => {
    await mkdir(path);
    await writeFile(join(path, "lock.json"), "theirs");
    await expect(resetState(path)).rejects.toMatchObject({ code: "state_folder_foreign" });
    expect(await readdir(path)).toEqual(["lock.json"]);
    const ours = join(parent, "ours");
    await openStateFolder(ours);
    const link = join(parent, "link");
    await symlink(ours, link);
    await expect(resetState(link)).rejects.toMatchObject({ code: "state_folder_foreign" });
    expect(await readdir(ours)).toContain("lzero-state.json");
  });
});

describe("loadOrCreateKeys", () => {
  it("makes distinct keys once, in a file for its owner alone", async () => {
    const folder = await openStateFolder(path);
    const first = await loadOrCreateKeys(folder.keys);
    expect(first.isNew).toBe(true);
    expect(new Set(Object.values(first.keys)).size).toBe(5);
    expect((await stat(folder.keys)).mode & 0o777).toBe(0o600);
    expect(await loadOrCreateKeys(folder.keys)).toEqual({ keys: first.keys, isNew: false });
  });

  it("refuses a damaged file and leaves it as it is", async () => {
    const { keys } = describeStateFolder(path);
    await openStateFolder(path);
    await writeFile(keys, "{");
    await expect(loadOrCreateKeys(keys)).rejects.toMatchObject({ code: "keys_invalid" });
  });
});

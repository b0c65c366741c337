/** The scratch folder's end, with its process and after it. */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";
import { FileSpool } from "../../../../batch/publish/file-spool.ts";
import { Scratch } from "../../../../batch/publish/scratch.ts";
import { listFolder, makeFolder, smallDisk } from "./scratch-support.ts";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const program = `${ROOT}.cache/test-workers/scratch-${process.pid}.mjs`;

/** A process that has a scratch folder with a file in it, says so, and ends as it is told. */
const CHILD = `
  import { writeFileSync } from "node:fs";
  import { Scratch } from "./batch/publish/scratch.ts";
  const [parent, end] = process.argv.slice(2);
  const scratch = new Scratch(parent);
  writeFileSync(scratch.folder + "/pages", "x");
  if (end === "handled") process.on("SIGTERM", () => { scratch.remove(); process.exit(0); });
  console.log("ready");
  if (end === "exit") process.exit(3);
  if (end === "throw") throw new Error("died");
  setInterval(() => {}, 1000);
`;

beforeAll(async () => {
  mkdirSync(`${ROOT}.cache/test-workers`, { recursive: true });
  await build({
    stdin: { contents: CHILD, resolveDir: ROOT, loader: "ts" },
    outfile: program,
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "esm",
    packages: "external",
    logLevel: "warning",
  });
});

/** @returns exit code or signal; what was in the parent folder before the end */
function run(parent: string, end: string, signal?: NodeJS.Signals) {
  return new Promise<{ ended: number | string | null; during: string[] }>((resolve) => {
    const child = spawn(process.execPath, [program, parent, end], { stdio: ["ignore", "pipe", "ignore"] });
    let during: string[] = [];
    child.stdout.once("data", () => {
      during = listFolder(parent);
      if (signal !== undefined) child.kill(signal);
    });
    child.once("exit", (code, killedBy) => resolve({ ended: code ?? killedBy, during }));
  });
}

describe("a scratch folder", () => {
  it.each([
    ["exit", undefined, 3],
    ["throw", undefined, 1],
    ["wait", "SIGINT", 130],
    ["wait", "SIGTERM", 143],
    ["wait", "SIGHUP", 129],
  ] as const)("goes with its process: %s %s", async (end, signal, code) => {
    const parent = makeFolder();
    const { ended } = await run(parent, end, signal);
    expect(ended).toBe(code);
    expect(listFolder(parent)).toEqual([]);
  });

  it("of a killed process is removed by the next one, and no other's", async () => {
    const parent = makeFolder();
    const { ended, during } = await run(parent, "wait", "SIGKILL");
    expect(ended).toBe("SIGKILL");
    expect(during).toEqual([expect.stringMatching(/^lzero-merge-.*-\d+-/)]);
    expect(listFolder(parent)).toEqual(during);
    const machine = hostname().replace(/[^A-Za-z0-9]/g, "_");
    const others = [
      `lzero-merge-${machine}-${process.ppid}-abcdef`,
      "lzero-merge-another_machine-999999999-abcdef",
      `lzero-merge-${machine}-`,
      "lzero",
    ];
    for (const name of others) mkdirSync(join(parent, name));
    const mine = [new Scratch(parent), new Scratch(parent)];
    expect(listFolder(parent)).toEqual(
      [...others, ...mine.map(({ folder }) => folder.slice(parent.length + 1))].sort(),
    );
    for (const scratch of mine) scratch.remove();
    expect(listFolder(parent)).toEqual(others.sort());
  });

  it("leaves no listener behind", () => {
    const parent = makeFolder();
    const count = () => ["exit", "SIGINT", "SIGTERM", "SIGHUP"].map((name) => process.listenerCount(name));
    const before = count();
    const scratch = new Scratch(parent);
    expect(count()).not.toEqual(before);
    scratch.remove();
    expect(count()).toEqual(before);
  });
});

describe("a spool in a file", () => {
  it("gives back what was appended, buffered or written, in any pieces", () => {
    const spool = new FileSpool(join(makeFolder(), "spool"));
    const all = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 31) >>> 3);
    for (let at = 0, size = 1; at < all.length; at += size, size = (size * 7 + 3) % 90_001) {
      spool.append(all.subarray(at, Math.min(all.length, at + size)));
      expect(spool.length).toBe(Math.min(all.length, at + size));
    }
    expect(Buffer.compare(spool.read(0, all.length), all)).toBe(0);
    expect(spool.read(299_990, 300_000)).toEqual(all.slice(299_990));
    expect(spool.read(5, 5)).toHaveLength(0);
    expect(() => spool.read(299_999, 300_001)).toThrow(expect.objectContaining({ code: "scratch_failed" }));
    spool.discard();
  });

  it("is removed when it is discarded, and refuses a name that is taken", () => {
    const folder = makeFolder();
    const spool = new FileSpool(join(folder, "spool"));
    expect(() => new FileSpool(join(folder, "spool"))).toThrow(
      expect.objectContaining({ code: "scratch_failed", details: { folder, path: join(folder, "spool") } }),
    );
    spool.append(new Uint8Array(10));
    spool.discard();
    expect(listFolder(folder)).toEqual([]);
  });

  it("says so when the disk is full", () => {
    const folder = makeFolder();
    const spool = new FileSpool(join(folder, "spool"), smallDisk(100_000));
    const fill = () => {
      for (let round = 0; round < 3; round++) spool.append(new Uint8Array(50_000));
      spool.flush();
    };
    expect(fill).toThrow(
      expect.objectContaining({ code: "scratch_full", details: { folder, path: spool.path } }),
    );
    spool.close();
  });
});

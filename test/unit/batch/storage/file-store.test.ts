import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../../../batch/storage/file-store.ts";
import { describePageStore } from "./contract.ts";

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "lzero-store-"));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describePageStore("FileStore", (use) => withFolder((folder) => use(new FileStore(folder))));

describe("FileStore", () => {
  it("puts every file inside its folder", () =>
    withFolder(async (folder) => {
      const inner = join(folder, "inner");
      await new FileStore(inner).write([
        { key: "../../escape", value: Uint8Array.of(1) },
        { key: "/etc/escape", value: Uint8Array.of(1) },
      ]);
      expect(await readdir(folder)).toEqual(["inner"]);
    }));

  it("keeps its values for the next instance", () =>
    withFolder(async (folder) => {
      await new FileStore(folder).write([{ key: "demo/manifest", value: Uint8Array.of(1, 2) }]);
      expect(await new FileStore(folder).read("demo/manifest")).toEqual(Uint8Array.of(1, 2));
    }));

  it("leaves no temporary file behind and ignores one that a crash left", () =>
    withFolder(async (folder) => {
      const store = new FileStore(folder);
      await store.write([{ key: "a", value: Uint8Array.of(1) }]);
      expect(await readdir(folder)).toEqual(["a.value"]);
      await writeFile(join(folder, "a.value.0123456789ab.tmp"), "half");
      expect(await store.read("a")).toEqual(Uint8Array.of(1));
      expect(await readFile(join(folder, "a.value"))).toEqual(Buffer.of(1));
    }));

  it("names the key and the keys after it when the disk refuses", () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, "taken"), "");
      await expect(
        new FileStore(join(folder, "taken")).write([
          { key: "a", value: Uint8Array.of(1) },
          { key: "b", value: Uint8Array.of(1) },
        ]),
      ).rejects.toMatchObject({ code: "storage_write_failed", details: { keys: ["a", "b"] } });
    }));
});

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { readCrashPoint } from "../../../../batch/consume/crash-point.ts";

describe("readCrashPoint", () => {
  it("is nothing unless the variable is set", () => {
    expect(readCrashPoint(undefined)).toBeNull();
    expect(readCrashPoint("")).toBeNull();
  });

  it("dies after the named step of the named part, once and no earlier", async () => {
    const die = vi.fn();
    const at = readCrashPoint("publish.located:0@2", die)!;
    await at("publish")("pages");
    await at("merge")("located:0");
    await at("publish")("located:0");
    expect(die).not.toHaveBeenCalled();
    await at("publish")("located:0");
    expect(die).toHaveBeenCalledTimes(1);
  });

  it("takes the step from a file that is written later, counts from then on, and deletes it first", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lzero-crash-point-"));
    try {
      const file = join(folder, "at");
      const die = vi.fn(() => expect(existsSync(file)).toBe(false));
      const at = readCrashPoint(`file:${file}`, die)!("publish");
      await at("pages");
      writeFileSync(file, "publish.pages@2");
      await at("pages");
      await at("staged");
      expect(die).not.toHaveBeenCalled();
      await at("pages");
      expect(die).toHaveBeenCalledTimes(1);
      await at("pages");
      expect(die).toHaveBeenCalledTimes(1);
      writeFileSync(file, "nowhere");
      expect(() => at("pages")).toThrow(expect.objectContaining({ code: "config_invalid" }));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each(["pages", "publish", "publish.", "fly.pages", "publish.pages@0", "publish.pages@x"])(
    "refuses %s",
    (value) => {
      expect(() => readCrashPoint(value)).toThrow(expect.objectContaining({ code: "config_invalid" }));
    },
  );
});

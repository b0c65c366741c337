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

  it.each(["pages", "publish", "publish.", "fly.pages", "publish.pages@0", "publish.pages@x"])(
    "refuses %s",
    (value) => {
      expect(() => readCrashPoint(value)).toThrow(expect.objectContaining({ code: "config_invalid" }));
    },
  );
});

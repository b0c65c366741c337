import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkOnnxFile } from "../../../../../batch/encoders/import/onnx-file.ts";
import { COMMITTED_MODEL } from "../../../../support/onnx-worker.ts";

const folder = mkdtempSync(join(tmpdir(), "lzero-onnx-file-"));
const path = join(folder, "model.onnx");
let whole: Buffer;
beforeAll(() => {
  whole = readFileSync(join(COMMITTED_MODEL, "model.onnx"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("checkOnnxFile", () => {
  it("accepts a whole file", async () => {
    writeFileSync(path, whole);
    await expect(checkOnnxFile(path)).resolves.toBeUndefined();
  });

  it("says that a file is cut off, in a head or in a payload", async () => {
    for (const length of [1, 3, 100, whole.length >> 1, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      await expect(checkOnnxFile(path)).rejects.toMatchObject({
        code: "model_weights_truncated",
        details: { actual: length },
      });
    }
  });

  it.each([
    ["an empty file", Buffer.alloc(0)],
    ["a model without its graph", Buffer.from([0x08, 0x09])],
    ["text", Buffer.from("version https://git-lfs.github.com/spec/v1\n")],
    ["field 0", Buffer.from([0x00, 0x01])],
    ["a number without an end", Buffer.alloc(40, 255)],
  ])("refuses %s", async (_, content) => {
    writeFileSync(path, content);
    await expect(checkOnnxFile(path)).rejects.toMatchObject({ code: "model_weights_invalid" });
  });

  it("names a file that is not there", async () => {
    await expect(checkOnnxFile(join(folder, "none.onnx"))).rejects.toMatchObject({
      code: "model_source_incomplete",
    });
  });
});

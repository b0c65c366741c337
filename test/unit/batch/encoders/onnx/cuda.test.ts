import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { loadModelFiles, type ModelFiles } from "../../../../../batch/encoders/model-files.ts";
import { requireCudaGraph } from "../../../../../batch/encoders/onnx/cuda.ts";
import { OnnxEncoder } from "../../../../../batch/encoders/onnx/onnx-encoder.ts";
import { resolveModelFolder } from "../../../../../batch/encoders/open-encoder.ts";
import { buildOnnxWorker, COMMITTED_MODEL } from "../../../../support/onnx-worker.ts";

let files: ModelFiles;
let workerUrl: URL;
/** The committed graph under another operator's name, which is a model for any device until it is loaded. */
let withoutInt8Head: Uint8Array;
beforeAll(async () => {
  files = await loadModelFiles(COMMITTED_MODEL);
  workerUrl = await buildOnnxWorker();
  const graph = Buffer.from(files.weights!).toString("latin1");
  withoutInt8Head = Buffer.from(graph.replaceAll("MatMulInteger", "MatMulNoSuch1"), "latin1");
});

describe("requireCudaGraph", () => {
  it("refuses a model whose head would run on the processor, and says what to do", () => {
    for (const name of ["splade-tiny-l0", "lzero-tiny"]) {
      const weights = readFileSync(join(resolveModelFolder(name), "model.onnx"));
      expect(() => requireCudaGraph(weights, name)).toThrow(
        expect.objectContaining({
          code: "encoder_device_unsupported",
          message: expect.stringMatching(/--precision f32.*--device cpu/),
        }),
      );
    }
  });

  it("accepts a model without such a head", () => {
    expect(() => requireCudaGraph(withoutInt8Head, "any")).not.toThrow();
  });
});

describe("OnnxEncoder on cuda", () => {
  it("never encodes on the processor instead", async () => {
    await expect(OnnxEncoder.create(files, { device: "cuda", workerUrl })).rejects.toMatchObject({
      code: "encoder_device_unsupported",
    });
    const other = { ...files, weights: withoutInt8Head };
    // With a GPU it is the operator that does not exist, without one the libraries.
    await expect(OnnxEncoder.create(other, { device: "cuda", workerUrl })).rejects.toMatchObject({
      code: "encoder_device_unavailable",
      message: expect.stringContaining("lzero model install-cuda"),
      details: { device: "cuda" },
    });
  });

  it("says where auto runs, and why not on cuda", async () => {
    const said: [string, string | null][] = [];
    const encoder = await OnnxEncoder.create(files, {
      device: "auto",
      threads: 1,
      workerUrl,
      onDevice: (...each) => said.push(each),
    });
    await encoder.close();
    expect(encoder.device).toBe("cpu");
    expect(said).toEqual([["cpu", expect.stringContaining("8-bit head")]]);
  });
});

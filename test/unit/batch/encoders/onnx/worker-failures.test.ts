import { afterEach, describe, expect, it } from "vitest";
import type { EncodedDocument } from "../../../../../batch/encoders/encoder.ts";
import { loadModelFiles } from "../../../../../batch/encoders/model-files.ts";
import { OnnxEncoder, type OnnxEncoderOptions } from "../../../../../batch/encoders/onnx/onnx-encoder.ts";
import { isLzeroError } from "../../../../../shared/errors.ts";
import { COMMITTED_MODEL } from "../../../../support/onnx-worker.ts";

const FAULTY_WORKER = new URL("../../../../fixtures/encoder/faulty-worker.mjs", import.meta.url);
const opened: OnnxEncoder[] = [];

async function openFaulty(options: OnnxEncoderOptions = {}): Promise<OnnxEncoder> {
  // No graph that a device could refuse: the worker reads none.
  const files = { ...(await loadModelFiles(COMMITTED_MODEL)), weights: new Uint8Array(1) };
  const encoder = await OnnxEncoder.create(files, {
    threads: 1,
    workerUrl: FAULTY_WORKER,
    ...options,
  });
  opened.push(encoder);
  return encoder;
}

/** The length that the model saw, which is the one term that the faulty worker gives. */
function lengthOf(result: EncodedDocument | Error | undefined): number | string {
  if (result instanceof Error) return isLzeroError(result) ? result.code : result.message;
  return result!.termIds[0]!;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((encoder) => encoder.close()));
});

describe("OnnxEncoder when the model fails", () => {
  it("puts an error in the place of the document at fault and encodes its neighbours", async () => {
    const encoder = await openFaulty();
    const results = await encoder.encode(["sea", "a terrible sea", "the sea", "sea sea", "terrible"]);
    expect(results.map(lengthOf)).toEqual([3, "encoder_batch_failed", 4, 4, "encoder_batch_failed"]);
    expect(String(results[1])).toContain("a terrible batch");
  });

  it.each([
    ["ends", "die"],
    ["throws", "throw"],
  ])("rejects when the thread %s, and encodes again afterwards", async (_, word) => {
    const encoder = await openFaulty();
    await expect(encoder.encode(["sea", `we ${word} here`])).rejects.toMatchObject({
      code: "encoder_crashed",
    });
    expect((await encoder.encode(["sea", "the sea"])).map(lengthOf)).toEqual([3, 4]);
  });

  it("does not start what waits of a call that was rejected", async () => {
    const encoder = await openFaulty({ tokenBudget: 8 });
    const texts = ["we die here now", ...Array.from({ length: 200 }, () => "the sea")];
    let done = 0;
    await expect(encoder.encode(texts, (count) => (done = count))).rejects.toMatchObject({
      code: "encoder_crashed",
    });
    expect(done).toBeLessThan(100);
  });

  it("encodes the next call while another was rejected", async () => {
    const encoder = await openFaulty({ tokenBudget: 8, sessions: 2, threads: 2 });
    const [poisoned, good] = await Promise.allSettled([
      encoder.encode(["we die here now"]),
      encoder.encode(["sea", "the sea"]),
    ]);
    expect(poisoned.status).toBe("rejected");
    expect(good.status).toBe("fulfilled");
  });

  it("rejects what is in flight and what comes later once it is closed", async () => {
    const encoder = await openFaulty();
    const inFlight = encoder.encode(["a silent sea"]);
    inFlight.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 50));
    await encoder.close();
    await expect(inFlight).rejects.toMatchObject({ code: "encoder_closed" });
    await expect(encoder.encode(["sea"])).rejects.toMatchObject({ code: "encoder_closed" });
    await encoder.close();
  });

  it("names a device that the model cannot run on and never takes another unasked", async () => {
    await expect(openFaulty({ device: "cuda" })).rejects.toMatchObject({
      code: "encoder_device_unavailable",
      details: { device: "cuda" },
    });
    expect((await openFaulty({ device: "auto" })).device).toBe("cpu");
  });

  it("says that a worker file is missing", async () => {
    const workerUrl = new URL("./no-such-worker.mjs", import.meta.url);
    await expect(openFaulty({ workerUrl })).rejects.toMatchObject({ code: "encoder_start_failed" });
  });
});

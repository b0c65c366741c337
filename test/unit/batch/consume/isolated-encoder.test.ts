import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { IsolatedEncoder, type IsolatedEncoderOptions } from "../../../../batch/consume/isolated-encoder.ts";
import { bundleScript } from "../../../support/bundle.ts";
import { encodeFake } from "../../../support/fake-encoder.ts";

describe("IsolatedEncoder", () => {
  let modulePath: string;
  const open: IsolatedEncoder[] = [];
  beforeAll(async () => {
    modulePath = await bundleScript("encoder-child");
  });
  afterEach(async () => {
    for (const encoder of open.splice(0)) await encoder.close();
  });
  afterAll(() => rm(dirname(modulePath), { recursive: true }));

  function create(options: Partial<IsolatedEncoderOptions> = {}): IsolatedEncoder {
    const encoder = new IsolatedEncoder({ modulePath, ...options });
    open.push(encoder);
    return encoder;
  }

  it("returns what the encoder in the process returns, typed arrays and errors alike", async () => {
    const results = await create().encode(["one two two", "POISON here", ""]);
    expect(results[0]).toEqual(encodeFake("one two two"));
    expect(results[1]).toMatchObject({ code: "text_poisonous", message: "the text is poison" });
    expect(results[2]).toEqual(encodeFake(""));
  });

  it.each(["EXIT", "CRASH"])("finds the one document of many that ends the process (%s)", async (word) => {
    const texts = Array.from({ length: 20 }, (_, at) => (at === 13 ? `a ${word} b` : `text ${at}`));
    const counted: number[] = [];
    const results = await create().encode(texts, (done) => counted.push(done));
    expect(
      results.map((result, at) => (result instanceof Error ? at : null)).filter((at) => at !== null),
    ).toEqual([13]);
    expect(results[13]).toMatchObject({ code: "encoder_crashed" });
    expect(results[12]).toEqual(encodeFake("text 12"));
    expect(counted.at(-1)).toBe(20);
  });

  it("finds several such documents", async () => {
    const results = await create().encode(["EXIT", "a", "EXIT", "b", "EXIT"]);
    expect(results.map((result) => result instanceof Error)).toEqual([true, false, true, false, true]);
  });

  it("finds a document that the encoder never finishes", async () => {
    const results = await create({ documentTimeoutMs: 300, perDocumentMs: 0 }).encode(["a", "HANG", "b"]);
    expect(
      results.map((result) => (result instanceof Error ? (result as { code?: string }).code : "ok")),
    ).toEqual(["ok", "encoder_timeout", "ok"]);
  });

  it("blames no document when the process does not come up", async () => {
    await expect(create({ args: ["--broken"] }).encode(["a"])).rejects.toMatchObject({
      code: "encoder_unavailable",
    });
  });

  it("takes calls one after the other", async () => {
    const encoder = create();
    const results = await Promise.all(["a", "EXIT", "b"].map((text) => encoder.encode([text])));
    expect(results.map(([result]) => result instanceof Error)).toEqual([false, true, false]);
  });
});

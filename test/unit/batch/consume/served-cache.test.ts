import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openServedModels } from "../../../../batch/consume/served-models.ts";
import { LocalCatalog, TEST_SETTINGS } from "../../../support/local-catalog.ts";
import { buildOnnxWorker, COMMITTED_MODEL } from "../../../support/onnx-worker.ts";

const folder = mkdtempSync(join(tmpdir(), "lzero-served-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("openServedModels with an encode cache", () => {
  let workerUrl: URL;
  beforeAll(async () => {
    workerUrl = await buildOnnxWorker();
  });

  const open = (encodeCache: string) =>
    openServedModels({
      model: COMMITTED_MODEL,
      onnx: { threads: 1, workerUrl },
      // A process that cannot start: what comes from it would be an error.
      isolated: { modulePath: join(folder, "none.mjs"), args: [] },
      encodeCache,
      logger: pino({ level: "silent" }),
    });

  it("gives a text that comes again its vector, in this process or apart, now and after a restart", async () => {
    const settings = { ...TEST_SETTINGS, encoder: "onnx" as const };
    const status = await new LocalCatalog("a", {}, settings).status();
    const texts = ["fear of spiders", "the red planet"];
    const first = await open(join(folder, "vectors"));
    const model = first.modelOf(status, () => texts);
    const encoded = await model.encoder.encode(texts);
    expect(encoded[0]).not.toBeInstanceOf(Error);
    expect(await model.isolated.encode(texts)).toEqual(encoded);
    await first.close();
    const second = await open(join(folder, "vectors"));
    const again = second.modelOf(status, () => texts);
    expect(await again.isolated.encode(texts.toReversed())).toEqual(encoded.toReversed());
    await second.close();
  });

  it("refuses a folder that cannot be one", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    await expect(open(file)).rejects.toMatchObject({ code: "encode_cache_unavailable" });
  });
});

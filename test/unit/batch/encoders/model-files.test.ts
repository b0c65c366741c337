import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { loadModelFiles } from "../../../../batch/encoders/model-files.ts";
import { COMMITTED_MODEL } from "../../../support/onnx-worker.ts";
import { describeWithShared, sharedPath } from "../../../support/shared-data.ts";

const SIZE_BUDGET_BYTES = 5_500_000;
const folders: string[] = [];

function copyModel(): string {
  const folder = mkdtempSync(join(tmpdir(), "lzero-model-"));
  folders.push(folder);
  cpSync(COMMITTED_MODEL, folder, { recursive: true });
  return folder;
}

function flipByte(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  rmSync(path);
  writeFileSync(path, bytes);
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe("loadModelFiles", () => {
  it("loads the committed model, which is small enough to be committed", async () => {
    const files = await loadModelFiles(COMMITTED_MODEL);
    expect(files.manifest.identity).toMatchObject({
      encoder: "onnx",
      log1pCount: 2,
      maxLength: 256,
      topK: 1024,
    });
    expect(files.manifest.vocabularySize).toBe(30522);
    expect(files.idf).toHaveLength(30522);
    expect(files.idf.every((weight) => Number.isFinite(weight) && weight > 0)).toBe(true);
    expect(files.weights!.length).toBeLessThanOrEqual(SIZE_BUDGET_BYTES);
  });

  it.each(["vocab.txt", "idf.f32", "model.onnx"])("refuses a changed %s", async (name) => {
    const folder = copyModel();
    flipByte(join(folder, name), 1000);
    await expect(loadModelFiles(folder)).rejects.toMatchObject({
      code: "model_file_corrupt",
      details: { file: join(folder, name) },
    });
  });

  it.each(["manifest.json", "vocab.txt", "idf.f32", "model.onnx"])("names a missing %s", async (name) => {
    const folder = copyModel();
    rmSync(join(folder, name));
    await expect(loadModelFiles(folder)).rejects.toMatchObject({
      code: "model_file_missing",
      details: { file: join(folder, name) },
    });
  });

  it("refuses a manifest whose identity was edited", async () => {
    const folder = copyModel();
    const path = join(folder, "manifest.json");
    const manifest = JSON.parse(readFileSync(path, "utf8"));
    manifest.identity.maxWeight = 2;
    writeFileSync(path, JSON.stringify(manifest));
    await expect(loadModelFiles(folder)).rejects.toMatchObject({ code: "model_manifest_invalid" });
  });
});

describeWithShared("committed model tables", ["model/idf.json", "model/vocab.txt"], () => {
  it("are the reference tables", async () => {
    const { idf, vocabulary } = await loadModelFiles(COMMITTED_MODEL);
    const reference = JSON.parse(readFileSync(sharedPath("model", "idf.json"), "utf8")) as Record<
      string,
      number
    >;
    const pieces = new TextDecoder().decode(vocabulary).trimEnd().split("\n");
    expect(new TextDecoder().decode(vocabulary)).toBe(readFileSync(sharedPath("model", "vocab.txt"), "utf8"));
    expect(Array.from(idf)).toEqual(pieces.map((piece) => Math.fround(reference[piece]!)));
  });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EncodedDocument } from "../../../../batch/encoders/encoder.ts";
import { checkGolden, readGolden } from "../../../../batch/encoders/golden.ts";
import { loadModelFiles, type ModelFiles } from "../../../../batch/encoders/model-files.ts";
import { OnnxEncoder, type OnnxEncoderOptions } from "../../../../batch/encoders/onnx/onnx-encoder.ts";
import { buildOnnxWorker, COMMITTED_MODEL } from "../../../support/onnx-worker.ts";

const TEXT = "Mars is often called the Red Planet.";
const QUERY = "red planet";
const RED = 2417;
const PLANET = 4774;
const folder = mkdtempSync(join(tmpdir(), "lzero-golden-"));
let options: OnnxEncoderOptions;
let files: ModelFiles;
let vector: EncodedDocument;

beforeAll(async () => {
  options = { threads: 1, workerUrl: await buildOnnxWorker() };
  files = await loadModelFiles(COMMITTED_MODEL);
  const encoder = await OnnxEncoder.create(files, options);
  vector = (await encoder.encode([TEXT]))[0] as EncodedDocument;
  await encoder.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

function goldenVector(change: (weights: Map<number, number>) => void = () => {}) {
  const weights = new Map(Array.from(vector.termIds, (term, at) => [term, vector.weights[at]!]));
  change(weights);
  return { text: TEXT, termIds: [...weights.keys()], weights: [...weights.values()] };
}

function weightOf(term: number): number {
  return vector.weights[vector.termIds.indexOf(term)]!;
}

describe("checkGolden", () => {
  it("accepts vectors within the tolerance and says how far off they are", async () => {
    const vectors = [goldenVector((weights) => weights.set(RED, weights.get(RED)! + 0.01))];
    const report = await checkGolden(files, { formatVersion: 1, tolerance: 0.02, vectors }, options);
    expect(report).toMatchObject({ vectors: 1, products: 0, tolerance: 0.02 });
    expect(report.largestError).toBeCloseTo(0.01, 6);
  });

  it.each<[string, (weights: Map<number, number>) => void]>([
    ["a weight is off", (weights) => weights.set(RED, weights.get(RED)! + 0.03)],
    ["a term is missing", (weights) => weights.set(29_999, 0.5)],
    ["a term is too many", (weights) => weights.delete(RED)],
  ])("refuses when %s", async (_, change) => {
    const golden = { formatVersion: 1 as const, tolerance: 0.02, vectors: [goldenVector(change)] };
    await expect(checkGolden(files, golden, options)).rejects.toMatchObject({
      code: "golden_mismatch",
      details: { text: TEXT },
    });
  });

  it("takes a term beyond topK on either side for what the smallest weight allows", async () => {
    const terms = Array.from(vector.termIds, (term, at) => ({ term, weight: vector.weights[at]! }));
    const [least, next] = terms.toSorted((a, b) => a.weight - b.weight);
    const { identity } = files.manifest;
    const cut = { ...files.manifest, identity: { ...identity, topK: terms.length } };
    const swapped = (weight: number) =>
      goldenVector((weights) => weights.delete(least!.term) && weights.set(29_999, weight));
    const check = (weight: number, manifest = cut) => {
      const golden = { formatVersion: 1 as const, tolerance: 0.005, vectors: [swapped(weight)] };
      return checkGolden({ ...files, manifest }, golden, options);
    };
    await expect(check(least!.weight)).resolves.toMatchObject({ vectors: 1 });
    await expect(check(next!.weight + 0.1)).rejects.toMatchObject({ code: "golden_mismatch" });
    await expect(check(least!.weight, files.manifest)).rejects.toMatchObject({ code: "golden_mismatch" });
  });

  it("holds dot products of IDF queries against those given", async () => {
    const product = files.idf[RED]! * weightOf(RED) + files.idf[PLANET]! * weightOf(PLANET);
    expect(product).toBeGreaterThan(1);
    const golden = (expected: number) => ({
      formatVersion: 1 as const,
      tolerance: 1,
      products: [{ query: QUERY, documents: [TEXT], expected: [expected], relativeTolerance: 0.01 }],
    });
    const report = await checkGolden(files, golden(product * 1.005), options);
    expect(report.largestRelativeError).toBeCloseTo(0.005, 3);
    await expect(checkGolden(files, golden(product * 1.05), options)).rejects.toMatchObject({
      code: "golden_mismatch",
    });
  });

  it("checks the graph alone where the model has a lexical part", async () => {
    const { identity } = files.manifest;
    const lexical = { ...identity.lexical, alpha: 0.7 };
    const manifest = { ...files.manifest, identity: { ...identity, lexical } };
    const golden = { formatVersion: 1 as const, tolerance: 0.001, vectors: [goldenVector()] };
    await expect(checkGolden({ ...files, manifest }, golden, options)).resolves.toMatchObject({ vectors: 1 });
  });
});

describe("readGolden", () => {
  it("returns null where there is none", async () => {
    expect(await readGolden(folder)).toBeNull();
  });

  it.each([
    "no JSON",
    '{"formatVersion": 1, "tolerance": 0.1}',
    '{"formatVersion": 1, "tolerance": 0.1, "vectors": [{"text": "a", "termIds": [1], "weights": []}]}',
    '{"formatVersion": 2, "tolerance": 0.1, "vectors": [{"text": "a", "termIds": [], "weights": []}]}',
  ])("refuses %s", async (content) => {
    writeFileSync(join(folder, "golden.json"), content);
    await expect(readGolden(folder)).rejects.toMatchObject({ code: "golden_invalid" });
  });
});

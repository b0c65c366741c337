/**
 * Released models give the dot products that their authors publish, through import, tokenizer, graph and IDF table.
 * Folders as the hub serves them lie under LZERO_GOLDEN_MODELS, each by its repository's name; what is not there is
 * skipped by name. Source of the products: the tests of sentence-transformers, which hold bfloat16 runs to 1 %.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { EncodedDocument } from "../../../../../batch/encoders/encoder.ts";
import { checkGolden } from "../../../../../batch/encoders/golden.ts";
import { type ImportOptions, importModel } from "../../../../../batch/encoders/import/import-model.ts";
import { OnnxEncoder, type OnnxEncoderOptions } from "../../../../../batch/encoders/onnx/onnx-encoder.ts";
import { packageRoot } from "../../../../../batch/encoders/open-encoder.ts";
import { describeUnless, NO_PYTHON } from "../../../../support/exporter-python.ts";
import { buildOnnxWorker } from "../../../../support/onnx-worker.ts";
import { sharedPath } from "../../../../support/shared-data.ts";

const QUERY = "Which planet is known as the Red Planet?";
const DOCUMENTS = [
  "Venus is often called Earth's twin because of its similar size and proximity.",
  "Mars, known for its reddish appearance, is often referred to as the Red Planet.",
  "Jupiter, the largest planet in our solar system, has a prominent red spot.",
  "Saturn, famous for its rings, is sometimes mistaken for the Red Planet.",
];
/** Float32 here against bfloat16 there: splade-tiny is off by up to 1.2 %, and its float32 weights are exact. */
const TOLERANCE = 0.02;
const IMPORT_TIMEOUT_MS = 600_000;

const RELEASED = [
  ["opensearch-neural-sparse-encoding-doc-v1", 1, [5.60053, 15.55479, 11.6238, 14.37797]],
  ["opensearch-neural-sparse-encoding-doc-v2-distill", 1, [8.8719, 21.10436, 16.59436, 18.5146]],
  ["opensearch-neural-sparse-encoding-doc-v2-mini", 1, [5.62505, 14.09715, 12.41688, 13.27353]],
  ["opensearch-neural-sparse-encoding-doc-v3-distill", 2, [5.4128, 11.59968, 9.66586, 10.57532]],
  ["splade-v3-doc", 1, [2.58567, 5.2024, 3.97555, 4.79319]],
] as const;
/** Its query is encoded by the model too. */
const BOTH_SIDES = [4.93406, 18.5358, 12.60999, 13.88597];

const modelsFolder = process.env.LZERO_GOLDEN_MODELS;
const folder = mkdtempSync(join(tmpdir(), "lzero-golden-models-"));
let encoderOptions: OnnxEncoderOptions;
beforeAll(async () => {
  encoderOptions = { threads: 1, workerUrl: await buildOnnxWorker() };
});
afterAll(() => rmSync(folder, { recursive: true }));

function importAsFloat(source: string, name: string, options: Partial<ImportOptions>) {
  const out = join(folder, name);
  const defaults = { precision: "f32", log1pCount: 1, topK: 30_522, maxWeight: 4, licence: "none" } as const;
  return importModel(source, { ...defaults, ...options, name, out }, packageRoot(), () => {}, encoderOptions);
}

for (const [name, log1pCount, expected] of RELEASED) {
  const source = join(modelsFolder ?? "", name);
  const absent =
    (modelsFolder === undefined && "LZERO_GOLDEN_MODELS names no folder") ||
    (!existsSync(source) && `no ${source}`);
  describeUnless(`golden products of ${name}`, [NO_PYTHON, absent], () => {
    it(
      "are met",
      async () => {
        const idf = name === "splade-v3-doc" ? { idf: "ones" } : {};
        const { files } = await importAsFloat(source, name, { log1pCount, ...idf });
        const products = [
          { query: QUERY, documents: DOCUMENTS, expected: [...expected], relativeTolerance: TOLERANCE },
        ];
        const report = await checkGolden(files, { formatVersion: 1, tolerance: 1, products }, encoderOptions);
        expect(report.largestRelativeError).toBeLessThan(TOLERANCE);
      },
      IMPORT_TIMEOUT_MS,
    );
  });
}

const handed = sharedPath("model", "splade-tiny");

describeUnless(
  "golden products of splade-tiny, both sides encoded",
  [NO_PYTHON, !existsSync(handed) && "reference data absent: model/splade-tiny"],
  () => {
    it("are met", async () => {
      const source = join(folder, "hub");
      mkdirSync(source);
      for (const file of ["config.json", "model.safetensors"]) cpSync(join(handed, file), join(source, file));
      for (const file of ["vocab.txt", "idf.json"]) cpSync(sharedPath("model", file), join(source, file));
      const { files } = await importAsFloat(source, "splade-tiny", {});
      const encoder = await OnnxEncoder.create(files, encoderOptions);
      const [query, ...documents] = (await encoder.encode([QUERY, ...DOCUMENTS])) as EncodedDocument[];
      await encoder.close();
      const weightOf = new Map(Array.from(query!.termIds, (term, at) => [term, query!.weights[at]!]));
      documents.forEach(({ termIds, weights }, at) => {
        const product = termIds.reduce((sum, term, i) => sum + (weightOf.get(term) ?? 0) * weights[i]!, 0);
        expect(Math.abs(product / BOTH_SIDES[at]! - 1), `document ${at}: ${product}`).toBeLessThan(TOLERANCE);
      });
    }, 120_000);
  },
);

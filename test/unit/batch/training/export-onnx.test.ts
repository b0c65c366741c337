/** Runs the exporter: parity of its graph with the reference vectors, and its manifest with ours. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModelFiles } from "../../../../batch/encoders/model-files.ts";
import { canonicalJson } from "../../../../shared/model/model-manifest.ts";
import { COMMITTED_MODEL } from "../../../support/onnx-worker.ts";
import { sharedPath } from "../../../support/shared-data.ts";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const SCRIPT = join(ROOT, "batch/training/export_onnx.py");
const NEEDED_PACKAGES = "import onnx, onnxruntime, safetensors, numpy";
const PARITY_TOLERANCE = 1e-4;
/** Exports take seconds each on a shared core. */
const EXPORT_TIMEOUT_MS = 120_000;

interface GoldenVector {
  readonly token_ids: number[];
  readonly ids: number[];
  readonly weights: number[];
}

const python = [join(ROOT, ".venv/bin/python"), "python3"].find(
  (candidate) => spawnSync(candidate, ["-c", NEEDED_PACKAGES]).status === 0,
);
const golden = sharedPath("model", "splade-tiny", "golden.json");
const reasons = [
  python === undefined && "no Python with onnx, onnxruntime, safetensors and numpy",
  !existsSync(golden) && "reference data absent: model/splade-tiny/golden.json",
].filter((reason) => reason !== false);

function describeWith(missing: readonly string[], name: string, body: () => void): void {
  if (missing.length === 0) describe(name, body);
  else describe.skip(`${name} [skipped: ${missing.join("; ")}]`, body);
}

const folder = mkdtempSync(join(tmpdir(), "lzero-export-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function exportModel(name: string, ...options: string[]): string {
  const out = join(folder, name);
  execFileSync(python!, [SCRIPT, "--out", out, "--report-samples", "0", ...options], { stdio: "pipe" });
  return out;
}

async function openSession(modelFolder: string): Promise<InferenceSession> {
  return InferenceSession.create(join(modelFolder, "model.onnx"), { intraOpNumThreads: 1 });
}

/** One row's non-zero weights by term id, and its count before the cut. */
async function encodeIds(session: InferenceSession, tokenIds: readonly number[]) {
  const output = await session.run({
    token_ids: new Tensor("int32", Int32Array.from(tokenIds), [1, tokenIds.length]),
    lengths: new Tensor("int32", Int32Array.of(tokenIds.length), [1]),
  });
  const weights = output.weights!.data as Float32Array;
  const vector = new Map<number, number>();
  (output.term_ids!.data as Int32Array).forEach((id, slot) => {
    if (weights[slot]! > 0) vector.set(id, weights[slot]!);
  });
  return { vector, count: (output.non_zero_count!.data as Int32Array)[0]! };
}

describeWith(reasons, "export_onnx.py", () => {
  let vectors: GoldenVector[];
  beforeAll(() => {
    vectors = (JSON.parse(readFileSync(golden, "utf8")) as { vectors: GoldenVector[] }).vectors;
  });

  it(
    "gives a float32 graph that agrees with every weight of the reference vectors",
    async () => {
      const options = "--precision f32 --log1p-count 1 --max-length 512 --top-k 30522 --keep-special".split(
        " ",
      );
      const session = await openSession(exportModel("parity", ...options));
      expect(vectors.length).toBeGreaterThan(0);
      for (const expected of vectors) {
        const { vector, count } = await encodeIds(session, expected.token_ids);
        expect(count).toBe(vector.size);
        const terms = new Map(expected.ids.map((id, i) => [id, expected.weights[i]!]));
        for (const id of new Set([...vector.keys(), ...terms.keys()])) {
          expect(Math.abs((vector.get(id) ?? 0) - (terms.get(id) ?? 0))).toBeLessThanOrEqual(
            PARITY_TOLERANCE,
          );
        }
      }
    },
    EXPORT_TIMEOUT_MS,
  );

  it(
    "prunes below the ratio, keeps the largest weights and counts those that it cut",
    async () => {
      const full = await openSession(exportModel("full", "--precision", "f32"));
      const cut = await openSession(
        exportModel("cut", "--precision", "f32", "--top-k", "20", "--prune-ratio", "0.3"),
      );
      for (const { token_ids: tokenIds } of vectors.filter((v) => v.token_ids.length <= 256)) {
        const all = [...(await encodeIds(full, tokenIds)).vector].sort((a, b) => b[1] - a[1]);
        const kept = all.filter(([, weight]) => weight > 0.3 * all[0]![1]);
        const { vector, count } = await encodeIds(cut, tokenIds);
        expect(count).toBe(kept.length);
        expect(new Set(vector.keys())).toEqual(new Set(kept.slice(0, 20).map(([id]) => id)));
        for (const [id, weight] of kept.slice(0, 20)) expect(vector.get(id)).toBe(weight);
      }
    },
    EXPORT_TIMEOUT_MS,
  );

  it(
    "gives the int8 weights to within the loss that the model card states",
    async () => {
      const committed = await openSession(COMMITTED_MODEL);
      const exact = await openSession(exportModel("exact", "--precision", "f32"));
      let overlap = 0;
      let compared = 0;
      let largestError = 0;
      for (const { token_ids: tokenIds } of vectors.filter(
        (v) => v.token_ids.length <= 256 && v.ids.length > 0,
      )) {
        const ours = (await encodeIds(committed, tokenIds)).vector;
        const theirs = (await encodeIds(exact, tokenIds)).vector;
        const best = (vector: Map<number, number>) =>
          new Set(
            [...vector]
              .sort((a, b) => b[1] - a[1])
              .slice(0, 50)
              .map(([id]) => id),
          );
        overlap += [...best(ours)].filter((id) => best(theirs).has(id)).length / Math.min(50, theirs.size);
        compared++;
        for (const id of new Set([...ours.keys(), ...theirs.keys()])) {
          largestError = Math.max(largestError, Math.abs((ours.get(id) ?? 0) - (theirs.get(id) ?? 0)));
        }
      }
      expect(overlap / compared).toBeGreaterThan(0.97);
      expect(largestError).toBeLessThan(0.2);
    },
    EXPORT_TIMEOUT_MS,
  );

  it(
    "writes a folder that the product loads, with the fingerprint that the product computes",
    async () => {
      const options = "--precision f32 --max-weight 2 --prune-ratio 0.015".split(" ");
      const { manifest } = await loadModelFiles(exportModel("loads", ...options));
      expect(manifest.identity).toMatchObject({ maxWeight: 2, pruneRatio: 0.015, topK: 1024 });
    },
    EXPORT_TIMEOUT_MS,
  );

  it("says what is missing of a checkpoint", () => {
    const run = spawnSync(python!, [
      SCRIPT,
      "--out",
      folder,
      "--checkpoint",
      folder,
      "--precision",
      "f32",
      "--report-samples",
      "0",
    ]);
    expect(run.status).toBe(2);
    expect(run.stderr.toString()).toContain("has no config.json");
  });
});

describeWith(python === undefined ? [reasons[0]!] : [], "canonical_json of the exporter", () => {
  it("writes numbers and keys as ours does", () => {
    const numbers = [
      0,
      1,
      1.375,
      150,
      0.4,
      0.015,
      1e-6,
      1e-7,
      1.5e-9,
      1e20,
      1e21,
      1.25e22,
      123456.789,
      0.1 + 0.2,
      -2.5,
      5e-324,
    ];
    const value = { b: numbers, a: { z: null, "weights-2": "0af", k1: 0.9 }, Z: [] };
    const program = [
      "import json, sys; sys.path.insert(0, sys.argv[1])",
      "from exporter.manifest import canonical_json",
      // Every number as a float: Python would read 1 as an integer.
      "print(canonical_json(json.loads(sys.stdin.read(), parse_int=float)), end='')",
    ].join("\n");
    const ours = execFileSync(python!, ["-c", program, join(ROOT, "batch/training")], {
      input: JSON.stringify(value),
    });
    expect(ours.toString()).toBe(canonicalJson(value));
  });
});

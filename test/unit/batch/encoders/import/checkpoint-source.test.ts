import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inspectCheckpoint } from "../../../../../batch/encoders/import/checkpoint-source.ts";
import { readTensorInfos } from "../../../../../batch/encoders/import/safetensors.ts";
import { COMMITTED_MODEL } from "../../../../support/onnx-worker.ts";
import {
  makeTinyCheckpoint,
  TINY,
  TINY_VOCABULARY,
  type TinyCheckpoint,
  type TinyKind,
  writeCheckpoint,
} from "../../../../support/tiny-checkpoint.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lzero-checkpoint-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function change(kind: TinyKind, edit: (checkpoint: TinyCheckpoint) => void): void {
  const checkpoint = makeTinyCheckpoint(kind);
  edit(checkpoint);
  writeCheckpoint(folder, checkpoint);
}

/** The names that the two kinds use. */
const NAMES = {
  bert: {
    activation: "hidden_act",
    hidden: "hidden_size",
    heads: "num_attention_heads",
    transform: "cls.predictions.transform.dense.weight",
    bias: "cls.predictions.bias",
  },
  distilbert: {
    activation: "activation",
    hidden: "dim",
    heads: "n_heads",
    transform: "vocab_transform.weight",
    bias: "vocab_projector.bias",
  },
} as const;

describe.each(["bert", "distilbert"] as const)("inspectCheckpoint of %s", (kind) => {
  const names = NAMES[kind];

  it("returns the sizes of a folder that can be imported", async () => {
    change(kind, () => {});
    expect(await inspectCheckpoint(folder)).toEqual({
      folder,
      architecture: kind,
      format: "safetensors",
      weightsPath: join(folder, "model.safetensors"),
      vocabularySize: TINY_VOCABULARY.length,
      hiddenSize: TINY.hidden,
      layers: TINY.layers,
      maxPositions: TINY.positions,
      vocabularyPath: join(folder, "vocab.txt"),
      idfPath: join(folder, "idf.json"),
    });
  });

  it.each(["transform", "bias"] as const)("names a missing head (%s)", async (part) => {
    change(kind, ({ tensors }) => tensors.delete(names[part]));
    await expect(inspectCheckpoint(folder)).rejects.toMatchObject({
      code: "model_head_missing",
      details: { tensor: names[part] },
    });
  });

  it.each(["silu", undefined, 7])("names an unknown activation: %s", async (activation) => {
    change(kind, ({ config }) => {
      config[names.activation] = activation;
    });
    await expect(inspectCheckpoint(folder)).rejects.toMatchObject({
      code: "model_activation_unsupported",
      message: expect.stringContaining("gelu"),
    });
  });

  it("names a vocabulary of another size", async () => {
    change(kind, () => {});
    writeFileSync(join(folder, "vocab.txt"), `${TINY_VOCABULARY.join("\n")}\nmore\n`);
    await expect(inspectCheckpoint(folder)).rejects.toMatchObject({
      code: "model_vocabulary_mismatch",
      details: { expected: TINY_VOCABULARY.length, actual: TINY_VOCABULARY.length + 1 },
    });
  });

  it("names embeddings of another vocabulary size", async () => {
    change(kind, ({ config }) => {
      config.vocab_size = TINY_VOCABULARY.length + 1;
    });
    writeFileSync(join(folder, "vocab.txt"), `${TINY_VOCABULARY.join("\n")}\nmore\n`);
    await expect(inspectCheckpoint(folder)).rejects.toMatchObject({ code: "model_vocabulary_mismatch" });
  });

  it("names sizes that are wrong", async () => {
    change(kind, ({ config }) => {
      config[names.hidden] = "wide";
    });
    await expect(inspectCheckpoint(folder)).rejects.toMatchObject({
      code: "model_config_invalid",
      details: { field: names.hidden },
    });
    change(kind, ({ config }) => {
      config[names.heads] = 3;
    });
    await expect(inspectCheckpoint(folder)).rejects.toMatchObject({
      code: "model_config_invalid",
      details: { field: names.heads },
    });
  });

  it.each([
    ["another model_type", { model_type: "roberta" }, /bert and distilbert/],
    ["relative positions", { position_embedding_type: "relative_key" }, /absolute positions/],
    ["a decoder", { is_decoder: true }, /absolute positions/],
  ])("refuses %s", async (_, fields, message) => {
    change(kind, ({ config }) => Object.assign(config, fields));
    await expect(inspectCheckpoint(folder)).rejects.toMatchObject({
      code: "model_architecture_unsupported",
      message: expect.stringMatching(message),
    });
  });

  it.each(["config.json", "vocab.txt", "model.safetensors"])("names a missing %s", async (name) => {
    change(kind, () => {});
    rmSync(join(folder, name));
    await expect(inspectCheckpoint(folder)).rejects.toMatchObject({
      code: "model_source_incomplete",
      details: { file: join(folder, name) },
    });
  });

  it.each(["model.onnx", "onnx/model.onnx"])("takes %s where there are no safetensors", async (name) => {
    change(kind, ({ config }) => {
      config[names.activation] = "silu";
    });
    mkdirSync(join(folder, "onnx"));
    cpSync(join(COMMITTED_MODEL, "model.onnx"), join(folder, name));
    await expect(inspectCheckpoint(folder)).rejects.toMatchObject({ code: "model_activation_unsupported" });
    rmSync(join(folder, "model.safetensors"));
    const source = await inspectCheckpoint(folder);
    expect(source).toMatchObject({ format: "onnx", weightsPath: join(folder, name) });
    truncateSync(join(folder, name), 5000);
    await expect(inspectCheckpoint(folder)).rejects.toMatchObject({ code: "model_weights_truncated" });
  });

  it("refuses a cased tokenizer", async () => {
    change(kind, () => {});
    writeFileSync(join(folder, "tokenizer_config.json"), '{"do_lower_case": false}');
    await expect(inspectCheckpoint(folder)).rejects.toMatchObject({ code: "model_tokenizer_unsupported" });
    writeFileSync(join(folder, "tokenizer_config.json"), '{"do_lower_case": true, "strip_accents": null}');
    await expect(inspectCheckpoint(folder)).resolves.toBeDefined();
  });

  it("wants an IDF table, its own, a given one or ones", async () => {
    change(kind, () => {});
    rmSync(join(folder, "idf.json"));
    await expect(inspectCheckpoint(folder)).rejects.toMatchObject({
      code: "model_idf_missing",
      message: expect.stringContaining("--idf ones"),
    });
    expect((await inspectCheckpoint(folder, "ones")).idfPath).toBeNull();
    const given = join(folder, "vocab.txt");
    expect((await inspectCheckpoint(folder, given)).idfPath).toBe(given);
  });
});

describe("readTensorInfos", () => {
  const path = () => join(folder, "model.safetensors");

  it("returns every tensor's type and shape", async () => {
    change("bert", () => {});
    const infos = await readTensorInfos(path());
    expect(infos.size).toBe(makeTinyCheckpoint("bert").tensors.size);
    expect(infos.get("bert.embeddings.token_type_embeddings.weight")).toMatchObject({
      dtype: "F32",
      shape: [2, TINY.hidden],
    });
  });

  it("says that a file is cut off, wherever it is", async () => {
    change("bert", () => {});
    const whole = readFileSync(path());
    const headerEnd = 8 + Number(whole.readBigUInt64LE());
    for (const length of [0, 7, 8, 100, headerEnd - 1, headerEnd, whole.length - 1]) {
      writeFileSync(path(), whole);
      truncateSync(path(), length);
      await expect(readTensorInfos(path())).rejects.toMatchObject({
        code: "model_weights_truncated",
        details: { actual: length },
      });
    }
  });

  it.each([
    ["a pickle", Buffer.concat([Buffer.from("PK\u0003\u0004 not weights"), Buffer.alloc(64, 255)])],
    ["a header that is no JSON", Buffer.from("\u0004\0\0\0\0\0\0\0{{}}")],
    ["tensors without a shape", Buffer.from('\u0010\0\0\0\0\0\0\0{"a":{"dtype":1}}')],
  ])("refuses %s", async (_, content) => {
    writeFileSync(path(), content);
    await expect(readTensorInfos(path())).rejects.toMatchObject({ code: "model_weights_invalid" });
  });
});

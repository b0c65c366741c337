import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EncodedDocument } from "../../../../../batch/encoders/encoder.ts";
import { loadModelFiles, type ModelFiles } from "../../../../../batch/encoders/model-files.ts";
import { OnnxEncoder, type OnnxEncoderOptions } from "../../../../../batch/encoders/onnx/onnx-encoder.ts";
import { addWeights, lexicalWeights } from "../../../../../shared/model/lexical.ts";
import type { ModelIdentity } from "../../../../../shared/model/model-manifest.ts";
import { Vocabulary } from "../../../../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../../../../shared/text/word-piece.ts";
import { buildOnnxWorker, COMMITTED_MODEL } from "../../../../support/onnx-worker.ts";

/** Words of one token each; windows of 30 of them. */
const MAX_LENGTH = 32;
const CAPACITY = MAX_LENGTH - 2;
const OVERLAP = 6;
const STEP = CAPACITY - OVERLAP;
const WORDS =
  "wind over the northern sea carries salt rain and small birds toward an old stone harbour town where heart blood spider fear planet red music paper".split(
    " ",
  );
const wordsOf = (count: number, seed: number) =>
  Array.from({ length: count }, (_, at) => WORDS[(seed * 7 + at * (1 + (seed % 5))) % WORDS.length]!);
const LONG = wordsOf(75, 1);
const SHORT = wordsOf(30, 2);

let files: ModelFiles;
let workerUrl: URL;
const opened: OnnxEncoder[] = [];

beforeAll(async () => {
  files = await loadModelFiles(COMMITTED_MODEL);
  workerUrl = await buildOnnxWorker();
});

afterAll(async () => {
  await Promise.all(opened.map((encoder) => encoder.close()));
});

async function open(
  maxWindows: number,
  changes: Partial<ModelIdentity> = {},
  options: OnnxEncoderOptions = {},
): Promise<OnnxEncoder> {
  const identity = {
    ...files.manifest.identity,
    maxLength: MAX_LENGTH,
    windows: { maxWindows, overlap: OVERLAP },
    lexical: { ...files.manifest.identity.lexical, alpha: 0 },
    pruning: null,
    ...changes,
  };
  const manifest = { ...files.manifest, identity };
  const encoder = await OnnxEncoder.create({ ...files, manifest }, { threads: 1, workerUrl, ...options });
  opened.push(encoder);
  return encoder;
}

async function encode(encoder: OnnxEncoder, ...texts: readonly string[]): Promise<EncodedDocument[]> {
  const results = await encoder.encode(texts);
  return results.map((result) => {
    if (result instanceof Error) throw result;
    return result;
  });
}

function weightsOf({ termIds, weights }: EncodedDocument): Map<number, number> {
  return new Map(Array.from(termIds, (id, at) => [id, weights[at]!]));
}

describe("OnnxEncoder over windows", () => {
  it("joins by maximum what the windows give as texts of their own", async () => {
    const parts = [0, STEP, 2 * STEP].map((start) => LONG.slice(start, start + CAPACITY).join(" "));
    const expected = new Map<number, number>();
    for (const part of await encode(await open(1), ...parts)) {
      for (const [id, weight] of weightsOf(part)) expected.set(id, Math.max(weight, expected.get(id) ?? 0));
    }
    const [document] = await encode(await open(3), LONG.join(" "));
    expect(weightsOf(document!)).toEqual(new Map([...expected].sort(([a], [b]) => a - b)));
    expect(document).toMatchObject({ tokenCount: 75, truncated: false, unseenTokens: 0 });
  });

  it("reads no further than maxWindows and says how much is left", async () => {
    const [capped] = await encode(await open(2), LONG.join(" "));
    const [read] = await encode(await open(9), LONG.slice(0, STEP + CAPACITY).join(" "));
    expect(capped).toMatchObject({ tokenCount: 75, truncated: true, unseenTokens: 75 - STEP - CAPACITY });
    expect(read).toMatchObject({ truncated: false, unseenTokens: 0 });
    expect(weightsOf(capped!)).toEqual(weightsOf(read!));
  });

  it("counts the lexical part once, over the whole text, unseen tokens too", async () => {
    const { lexical } = files.manifest.identity;
    const both = { ...lexical, alpha: 0.7, stems: null };
    const text = `${LONG.join(" ")} spiders`;
    const [neural] = await encode(await open(2), text);
    const [document] = await encode(await open(2, { lexical: both }), text);
    const tokens = new WordPieceTokenizer(Vocabulary.parse(files.vocabulary)).tokenize(text);
    const expected = addWeights(neural!, lexicalWeights(tokens, both));
    expect(document!.termIds).toEqual(expected.termIds);
    expect(document!.weights).toEqual(expected.weights);
  });

  it("gives what one window holds the same vector to the bit, however many it might have", async () => {
    const texts = [SHORT.join(" "), "red planet", "", wordsOf(29, 4).join(" ")];
    expect(await encode(await open(7), ...texts)).toEqual(await encode(await open(1), ...texts));
  });

  it("gives a document the same vector alone and among others, in input order", async () => {
    const texts = Array.from({ length: 40 }, (_, at) => wordsOf(1 + ((at * 53) % 140), at).join(" "));
    const encoder = await open(4);
    const alone: EncodedDocument[] = [];
    for (const text of texts) alone.push(...(await encode(encoder, text)));
    expect(alone.some(({ truncated }) => truncated)).toBe(true);
    for (const [tokenBudget, threads] of [
      [40, 1],
      [300, 2],
      [100_000, 1],
    ] as const) {
      const other = await open(4, {}, { tokenBudget, threads });
      expect(await encode(other, ...texts)).toEqual(alone);
    }
  });
});

describe("a document of which one window fails", () => {
  it("is an error and the only one", async () => {
    const faulty = new URL("../../../../fixtures/encoder/faulty-worker.mjs", import.meta.url);
    const encoder = await open(3, {}, { workerUrl: faulty });
    const bad = [...wordsOf(60, 3), "terrible"].join(" ");
    const results = await encoder.encode([SHORT.join(" "), bad, LONG.join(" ")]);
    expect(results.map((result) => result instanceof Error)).toEqual([false, true, false]);
    expect(results[1]).toMatchObject({ code: "encoder_batch_failed" });
  });
});

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EncodedDocument } from "../../../../../batch/encoders/encoder.ts";
import { loadModelFiles } from "../../../../../batch/encoders/model-files.ts";
import { OnnxEncoder } from "../../../../../batch/encoders/onnx/onnx-encoder.ts";
import { addWeights, lexicalWeights } from "../../../../../shared/model/lexical.ts";
import { Vocabulary } from "../../../../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../../../../shared/text/word-piece.ts";
import { buildOnnxWorker, COMMITTED_MODEL } from "../../../../support/onnx-worker.ts";

const vocabulary = Vocabulary.parse(readFileSync(`${COMMITTED_MODEL}/vocab.txt`));

/** Texts of 1 to 400 words, so that batches hold padding and some are cut. */
const WORDS =
  "wind over the northern sea carries salt, rain and small birds toward an old stone harbour town".split(" ");
const TEXTS = Array.from({ length: 90 }, (_, i) =>
  Array.from(
    { length: 1 + ((i * 37) % (i % 9 === 0 ? 400 : 60)) },
    (_, j) => WORDS[(i * 7 + j * (1 + (i % 5))) % 17],
  ).join(" "),
);

let encoder: OnnxEncoder;
let workerUrl: URL;

beforeAll(async () => {
  workerUrl = await buildOnnxWorker();
  encoder = await OnnxEncoder.create(await loadModelFiles(COMMITTED_MODEL), { threads: 2, workerUrl });
});

afterAll(() => encoder.close());

function document(result: EncodedDocument | Error | undefined): EncodedDocument {
  if (result === undefined || result instanceof Error) throw result ?? new Error("no result");
  return result;
}

async function encodeAll(texts: readonly string[], by = encoder): Promise<EncodedDocument[]> {
  return (await by.encode(texts)).map(document);
}

function topPieces(vector: EncodedDocument, count: number): string[] {
  return Array.from(vector.termIds, (id, i) => ({ id, weight: vector.weights[i]! }))
    .sort((a, b) => b.weight - a.weight)
    .slice(0, count)
    .map(({ id }) => vocabulary.pieceOf(id));
}

/** What the index stores of a document: pairs of term id and 8-bit impact. */
function impacts(vector: EncodedDocument): [number, number][] {
  const { maxWeight } = encoder.manifest.identity;
  return Array.from(vector.termIds, (id, i) => [
    id,
    Math.min(255, Math.round((vector.weights[i]! * 255) / maxWeight)),
  ]);
}

function shuffle<T>(items: readonly T[], seed: number): T[] {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

describe("OnnxEncoder with the committed model", () => {
  it.each([
    [
      "Mars, known for its reddish appearance, is often referred to as the Red Planet.",
      ["mars", "planet", "red"],
    ],
    ["an abnormal fear of spiders", ["fear", "abnormal", "spiders"]],
    ["The heart pumps blood through the arteries.", ["heart", "blood", "pumps"]],
  ])("weighs the words that matter highest: %j", async (text, expected) => {
    const [vector] = await encodeAll([text]);
    expect(topPieces(vector!, 3)).toEqual(expected);
  });

  it("adds words that the text does not have", async () => {
    const [vector] = await encodeAll(["an abnormal fear of spiders"]);
    const added = topPieces(vector!, 8).filter((piece) => !"an abnormal fear of spiders".includes(piece));
    expect(added).toContain("disorder");
  });

  it("returns ascending distinct terms without special tokens and finite weights above 0", async () => {
    for (const vector of await encodeAll(TEXTS)) {
      expect(vector.weights).toHaveLength(vector.termIds.length);
      for (let i = 0; i < vector.termIds.length; i++) {
        expect(vector.weights[i]!).toBeGreaterThan(0);
        expect(vector.weights[i]!).toBeLessThan(4);
        if (i > 0) expect(vector.termIds[i]!).toBeGreaterThan(vector.termIds[i - 1]!);
        expect([0, 100, 101, 102, 103]).not.toContain(vector.termIds[i]);
      }
    }
  });

  it("gives a document the same impacts alone, padded and in random batches, in input order", async () => {
    const alone: EncodedDocument[] = [];
    for (const text of TEXTS) alone.push(...(await encodeAll([text])));
    const expected = new Map(TEXTS.map((text, i) => [text, impacts(alone[i]!)]));
    expect(await encodeAll(TEXTS)).toEqual(alone);
    const files = await loadModelFiles(COMMITTED_MODEL);
    for (const [seed, tokenBudget] of [
      [1, 64],
      [2, 700],
      [3, 100_000],
    ] as const) {
      const other = await OnnxEncoder.create(files, {
        threads: 1 + (seed % 2),
        sessions: 1,
        tokenBudget,
        workerUrl,
      });
      const order = shuffle(TEXTS, seed);
      const vectors = await encodeAll(order, other);
      await other.close();
      order.forEach((text, i) => {
        expect(impacts(vectors[i]!)).toEqual(expected.get(text));
      });
    }
  }, 60_000);

  it("gives an empty vector to a text without words", async () => {
    const [empty, blank, unknown, word] = await encodeAll(["", " \n", "\u{1F9FF} [MASK]", "sea"]);
    for (const vector of [empty!, blank!, unknown!]) {
      expect(vector).toMatchObject({ tokenCount: 0, truncated: false, cutByTopK: 0 });
      expect(vector.termIds).toHaveLength(0);
      expect(vector.weights).toHaveLength(0);
    }
    expect(topPieces(word!, 1)).toEqual(["sea"]);
  });

  it("says when a text is cut and counts all of its tokens", async () => {
    const [huge, cut, fits] = await encodeAll([
      "sea ".repeat(50_000),
      "sea ".repeat(255),
      "sea ".repeat(254),
    ]);
    expect(huge).toMatchObject({ tokenCount: 50_000, truncated: true, unseenTokens: 49_746 });
    expect(cut).toMatchObject({ tokenCount: 255, truncated: true, unseenTokens: 1 });
    expect(fits).toMatchObject({ tokenCount: 254, truncated: false, unseenTokens: 0 });
    expect(impacts(huge!)).toEqual(impacts(fits!));
    expect(Array.from(huge!.ownTermIds)).toEqual([vocabulary.idOf("sea")]);
  });

  it("reports progress that grows to the number of texts", async () => {
    const seen: number[] = [];
    await encoder.encode([...TEXTS, ""], (done) => seen.push(done));
    expect(seen.at(-1)).toBe(TEXTS.length + 1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.length).toBeGreaterThan(3);
  });

  it("leaves the event loop free while it encodes", async () => {
    let longestGapMs = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longestGapMs = Math.max(longestGapMs, performance.now() - last);
      last = performance.now();
    }, 5);
    await encoder.encode(Array.from({ length: 10 }, () => TEXTS).flat());
    clearInterval(timer);
    expect(longestGapMs).toBeGreaterThan(0);
    expect(longestGapMs).toBeLessThan(500);
  });

  it("serves calls side by side", async () => {
    const [a, b, none] = await Promise.all([
      encodeAll(TEXTS.slice(0, 40)),
      encodeAll(TEXTS.slice(40)),
      encodeAll([]),
    ]);
    expect([...a, ...b]).toEqual(await encodeAll(TEXTS));
    expect(none).toEqual([]);
  });

  it("refuses weights that are no model", async () => {
    const files = await loadModelFiles(COMMITTED_MODEL);
    await expect(
      OnnxEncoder.create({ ...files, weights: files.weights!.subarray(0, 1000) }, { workerUrl }),
    ).rejects.toMatchObject({ code: "encoder_start_failed" });
  });

  it("adds the lexical part to the graph's weights and keeps the terms that count most", async () => {
    const text = "Spiders, spiders everywhere: the arachnologist was delighted.";
    const files = await loadModelFiles(COMMITTED_MODEL);
    const { identity } = files.manifest;
    const encodeWith = async (changes: Partial<typeof identity>) => {
      const manifest = { ...files.manifest, identity: { ...identity, ...changes } };
      const encoder = await OnnxEncoder.create({ ...files, manifest }, { workerUrl });
      try {
        const [result] = await encoder.encode([text]);
        if (result === undefined || result instanceof Error) throw result;
        return result;
      } finally {
        await encoder.close();
      }
    };
    const lexical = { ...identity.lexical, alpha: 0.7 };
    const plain = await encodeWith({});
    const both = await encodeWith({ lexical });
    const tokens = new WordPieceTokenizer(Vocabulary.parse(files.vocabulary)).tokenize(text);
    const expected = addWeights(plain, lexicalWeights(tokens, lexical));
    expect(both.termIds).toEqual(expected.termIds);
    expect(both.weights).toEqual(expected.weights);

    const pruned = await encodeWith({ lexical, pruning: { minValue: 1e9, atLeast: 5, atMost: 9 } });
    const weights = Array.from(both.termIds, (id, at) => files.idf[id]! * both.weights[at]!);
    const fifth = weights.toSorted((a, b) => b - a)[4]!;
    expect(Array.from(pruned.termIds)).toEqual(
      Array.from(both.termIds).filter((_, at) => weights[at]! >= fifth),
    );
    expect(pruned.ownTermIds).toEqual(both.ownTermIds);
  });
});

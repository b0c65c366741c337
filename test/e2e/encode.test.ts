/** `lzero encode` with the committed model, run as its users run it. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, it } from "vitest";
import { buildIfStale, CLI } from "../support/local-stack.ts";

const MODEL = new URL("../../batch/models/lzero-tiny/", import.meta.url);
const LINES = ['{"id":"a","text":"fear of spiders"}', "", "no JSON", '{"text":"the the"}', '{"id":7}'];

interface Encoded {
  readonly id?: unknown;
  readonly tokens: readonly (readonly [number, number])[];
}

async function encode(option: "--queries" | "--documents") {
  const child = spawn(process.execPath, [CLI, "encode", option, "-"]);
  child.stdin.end(LINES.join("\n"));
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  const vectors = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Encoded);
  return { code, stderr, vectors };
}

beforeAll(buildIfStale);

describe("lzero encode", () => {
  it("weighs a query's distinct tokens by round(256 · IDF) / 256, those under the floor only where they are all there is", async () => {
    const { code, stderr, vectors } = await encode("--queries");
    const bytes = await readFile(new URL("idf.f32", MODEL));
    const pieces = (await readFile(new URL("vocab.txt", MODEL), "utf8")).split("\n");
    const expected = (words: string[]) =>
      words
        .map((word) => pieces.indexOf(word))
        .sort((a, b) => a - b)
        .map((id) => [id, Math.round(256 * bytes.readFloatLE(id * 4)) / 256]);
    expect(vectors).toEqual([
      { id: "a", tokens: expected(["fear", "spiders"]) },
      { tokens: expected(["the"]) },
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^-:3: not JSON$/m);
    expect(stderr).toMatch(/^-:5: no "text" that is a string$/m);
  });

  it("gives documents impacts times maxWeight / (2^bits − 1), in ascending order, with words that the text lacks", async () => {
    const { vectors } = await encode("--documents");
    const manifest = JSON.parse(await readFile(new URL("manifest.json", MODEL), "utf8")) as {
      identity: { maxWeight: number; impactBits: number };
    };
    const { maxWeight, impactBits } = manifest.identity;
    const maxImpact = 2 ** impactBits - 1;
    const [first, second] = vectors;
    expect(vectors.map(({ id }) => id)).toEqual(["a", undefined]);
    for (const { tokens } of vectors) {
      const ids = tokens.map(([id]) => id);
      expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
      for (const [, weight] of tokens) {
        const impact = (weight * maxImpact) / maxWeight;
        expect(impact).toBeCloseTo(Math.round(impact), 6);
        expect(Math.round(impact)).toBeGreaterThanOrEqual(1);
        expect(Math.round(impact)).toBeLessThanOrEqual(maxImpact);
      }
    }
    expect(first!.tokens.length).toBeGreaterThan(3);
    expect(second).toBeDefined();
  });
});

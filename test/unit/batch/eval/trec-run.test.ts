import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { NumberedLine } from "../../../../batch/corpus/lines.ts";
import { decodeRun, encodeRun, rankingsOf, readRun } from "../../../../batch/eval/trec-run.ts";

const folder = mkdtempSync(join(tmpdir(), "lzero-run-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function* linesOf(text: string): AsyncGenerator<NumberedLine> {
  let line = 1;
  for (const part of text.split("\n")) yield { line: line++, bytes: new TextEncoder().encode(part) };
}

function decode(text: string) {
  return decodeRun(linesOf(text), "a.trec");
}

describe("encodeRun", () => {
  it("writes query, Q0, document, rank, score and tag", () => {
    const run = new Map([
      [
        "q1",
        [
          { id: "d7", score: 812 },
          { id: "d2", score: 300 },
        ],
      ],
      ["q2", []],
      ["q3", [{ id: "d7", score: 5 }]],
    ]);
    expect(encodeRun(run, "tiny")).toBe("q1 Q0 d7 1 812 tiny\nq1 Q0 d2 2 300 tiny\nq3 Q0 d7 1 5 tiny\n");
  });

  it.each([
    [new Map([["q 1", [{ id: "d", score: 1 }]]]), "t"],
    [new Map([["q", [{ id: "d\t1", score: 1 }]]]), "t"],
    [new Map([["q", [{ id: "", score: 1 }]]]), "t"],
    [new Map([["q", [{ id: "d", score: 1 }]]]), "two words"],
  ])("refuses what the form cannot hold", (run, tag) => {
    expect(() => encodeRun(run, tag)).toThrow(expect.objectContaining({ code: "run_invalid" }));
  });
});

describe("readRun", () => {
  const id = fc.stringMatching(/^[^\s]{1,12}$/u).filter((text) => !/\p{Cs}/u.test(text));
  const hits = fc
    .uniqueArray(id, { maxLength: 20 })
    .chain((ids) =>
      fc
        .array(fc.integer({ min: 1, max: 2 ** 31 - 1 }), { minLength: ids.length, maxLength: ids.length })
        .map((scores) => {
          scores.sort((a, b) => b - a);
          return ids.map((id, at) => ({ id, score: scores[at]! }));
        }),
    )
    .filter((list) => list.length > 0);

  it("reads back what was written, equal scores in their order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(id, hits, { noNullPrototype: true }), async (queries) => {
        const run = new Map(Object.entries(queries));
        expect(await decode(encodeRun(run, "t"))).toEqual(run);
      }),
      { numRuns: 200 },
    );
  });

  it("orders by score, not by rank, and takes tabs, blank lines, floats and .gz", async () => {
    const path = join(folder, "run.trec.gz");
    writeFileSync(path, gzipSync("q\tQ0\ta\t1\t0.5\tx\r\n\nq Q0 b 2 1.5e0 x\nq Q0 c 3 -2 x"));
    expect(rankingsOf(await readRun(path))).toEqual(new Map([["q", ["b", "a", "c"]]]));
  });

  it.each([
    ["too few fields", "q Q0 d 1 5", /:2: has 5 fields/],
    ["too many fields", "q Q0 d e 1 5 t", /:2: has 7 fields/],
    ["a rank that is none", "q Q0 d first 5 t", /:2: rank "first"/],
    ["a score that is none", "q Q0 d 1 high t", /:2: score "high"/],
    ["an infinite score", "q Q0 d 1 1e999 t", /:2: score "1e999"/],
    ["a hexadecimal score", "q Q0 d 1 0x10 t", /:2: score "0x10"/],
    ["a document twice", "q Q0 a 2 4 t", /:2: query q has document a a second time/],
  ])("refuses %s and names the line", async (_, line, message) => {
    await expect(decode(`q Q0 a 1 9 t\n${line}\n`)).rejects.toMatchObject({
      code: "run_invalid",
      message: expect.stringMatching(message),
      details: { path: "a.trec", line: 2 },
    });
  });

  it("refuses bytes that are not UTF-8", async () => {
    const path = join(folder, "latin.trec");
    writeFileSync(path, Buffer.from([0x71, 0x20, 0xff, 0x0a]));
    await expect(readRun(path)).rejects.toMatchObject({ code: "run_invalid", details: { line: 1 } });
  });

  it("names a file that is not there", async () => {
    await expect(readRun(join(folder, "none.trec"))).rejects.toMatchObject({ code: "corpus_unreadable" });
  });
});

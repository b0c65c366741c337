import { beforeAll, describe, expect, it } from "vitest";
import { parseSynset, readWordNet } from "../../../../batch/corpus/wordnet.ts";
import type { DocumentInput } from "../../../../shared/messages/document-input.ts";

describe("parseSynset", () => {
  it("reads lemmas by the hexadecimal count and keeps the whole gloss", () => {
    const words = Array.from({ length: 11 }, (_, at) => `word_${at} 0`).join(" ");
    const line = `00001740 00 a 0b ${words} 001 = 05207437 n 0000 | having skill; "able | to swim"  `;
    expect(parseSynset(line)).toEqual({
      offset: "00001740",
      lemmas: Array.from({ length: 11 }, (_, at) => `word ${at}`),
      gloss: 'having skill; "able | to swim"',
    });
  });

  it("drops the syntactic marker of an adjective and nothing else in parentheses", () => {
    expect(parseSynset("00014358 00 s 02 galore(ip) 0 f(x) 0 000 | in great numbers")?.lemmas).toEqual([
      "galore",
      "f(x)",
    ]);
  });

  it.each(["", "nonsense", "00014358 00 s 02 galore 0 000 | x", "00014358 00 s 01 galore 0 000 no gloss"])(
    "refuses %j",
    (line) => {
      expect(parseSynset(line)).toBeNull();
    },
  );
});

describe("readWordNet", () => {
  let documents: DocumentInput[];
  beforeAll(async () => {
    documents = await readWordNet();
  });
  const uses = (document: DocumentInput): number => Number(document.metadata?.uses);

  it("gives each of the 117,791 synsets once", () => {
    expect(documents).toHaveLength(117_791);
    expect(new Set(documents.map(({ id }) => id)).size).toBe(117_791);
    const count = (kind: string): number =>
      documents.filter(({ metadata }) => metadata?.partOfSpeech === kind).length;
    expect([count("noun"), count("verb"), count("adjective"), count("adverb")]).toEqual([
      82_192, 13_789, 18_185, 3625,
    ]);
  });

  it("finds arachnophobia with its gloss", () => {
    expect(documents.find(({ id }) => id === "n14405480")).toEqual({
      id: "n14405480",
      title: "arachnophobia",
      text: "a morbid fear of spiders",
      metadata: { partOfSpeech: "noun", uses: 0 },
    });
  });

  it("puts used senses first, satellites of adjectives among them, then file order", () => {
    expect(documents.filter((document) => uses(document) > 0)).toHaveLength(27_210);
    for (let at = 1; at < documents.length; at++) {
      expect(uses(documents[at]!)).toBeLessThanOrEqual(uses(documents[at - 1]!));
    }
    // index.sense: 1%5:00:00:cardinal:00 02193977 1 107
    expect(uses(documents.find(({ id }) => id === "a02193977")!)).toBeGreaterThanOrEqual(107);
    const unusedNouns = documents.slice(27_210).filter(({ id }) => id.startsWith("n"));
    expect(unusedNouns.map(({ id }) => id)).toEqual(unusedNouns.map(({ id }) => id).sort());
  });
});

/// <reference path="./raw-modules.d.ts" />
/**
 * The tokenizer against the committed answers of the reference (batch/training/make_tokenizer_oracle.py). One body,
 * run in Node and in workerd: the two have different Unicode versions, and neither may matter.
 */
import { describe, expect, it } from "vitest";
import { WordScanner } from "../../shared/text/pre-tokenize.ts";
import { UnicodeTables } from "../../shared/text/unicode-tables.ts";
import { SPECIAL_TOKENS } from "../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../shared/text/word-piece.ts";
import codePointOracle from "../fixtures/tokenizer/code-points.json";
import stringOracle from "../fixtures/tokenizer/strings.jsonl?raw";
import { loadVocabulary } from "./vocabulary.ts";

const SCALAR_VALUES = 1_112_064;
const EXHAUSTIVE_TIMEOUT_MS = 180_000;
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** Declares the tests in the runtime that calls it. */
export function describeTokenizerOracle(runtime: string): void {
  const tables = UnicodeTables.decode();
  const tokenizer = new WordPieceTokenizer(loadVocabulary(), tables);
  const scanner = new WordScanner(tables, SPECIAL_TOKENS);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

  function wordsOf(text: string): string {
    const words: string[] = [];
    scanner.reset(text);
    while (scanner.next()) {
      const { special, word } = scanner;
      if (special >= 0) words.push(SPECIAL_TOKENS[special]!);
      else if (word.isTooLong) words.push("[TOO LONG]");
      else words.push(decoder.decode(word.bytes.subarray(0, word.sizeBytes)));
    }
    return words.join(" ");
  }

  describe(`the tokenizer against the reference, in ${runtime}`, () => {
    it(
      "gives the ids and words of every scalar value, alone and in context",
      () => {
        const idSums = decodeSums(codePointOracle.idCrc32);
        const wordSums = decodeSums(codePointOracle.wordCrc32);
        const { blockSize, contexts } = codePointOracle;
        const different: string[] = [];
        let count = 0;
        for (let block = 0; block < idSums.length; block++) {
          let ids = "";
          let words = "";
          for (let codePoint = block * blockSize; codePoint < (block + 1) * blockSize; codePoint++) {
            if (codePoint >= 0xd800 && codePoint < 0xe000) continue;
            count++;
            const char = String.fromCodePoint(codePoint);
            for (const [left, right] of contexts) {
              const text = `${left}${char}${right}`;
              ids += `${tokenizer.tokenize(text).join(",")}\n`;
              words += `${wordsOf(text)}\n`;
            }
          }
          const first = (block * blockSize).toString(16);
          if (crc32(encoder.encode(ids)) !== idSums[block]) different.push(`ids from U+${first}`);
          if (crc32(encoder.encode(words)) !== wordSums[block]) different.push(`words from U+${first}`);
        }
        expect(different).toEqual([]);
        expect(count).toBe(SCALAR_VALUES);
      },
      EXHAUSTIVE_TIMEOUT_MS,
    );

    const strings = stringOracle
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as [text: string, ids: number[], wordCrc32: number]);

    it("gives the ids and words of the oracle's strings", () => {
      const different = strings.filter(
        ([text, ids, wordCrc32]) =>
          tokenizer.tokenize(text).join() !== ids.join() ||
          crc32(encoder.encode(wordsOf(text))) !== wordCrc32,
      );
      expect(different.map(([text]) => text)).toEqual([]);
      expect(strings.length).toBeGreaterThanOrEqual(5_000);
    });

    it("places every word of the oracle's strings so that its slice gives its ids again", () => {
      const different: unknown[] = [];
      for (const [text, ids] of strings) {
        const words = tokenizer.tokenizeWithOffsets(text);
        expect(words.flatMap((word) => word.tokenIds)).toEqual(ids);
        let last = 0;
        for (const word of words) {
          const slice = text.slice(word.start, word.end);
          const sound = word.start >= last && word.end > word.start;
          if (!sound || tokenizer.tokenize(slice).join() !== word.tokenIds.join())
            different.push([text, word]);
          last = word.end;
        }
      }
      expect(different).toEqual([]);
    });
  });
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ bytes[i]!) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

/** Base64 of little-endian 32-bit sums. */
function decodeSums(base64: string): Uint32Array {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

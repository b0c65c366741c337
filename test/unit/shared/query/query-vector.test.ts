import { describe, expect, it } from "vitest";
import { encodeQuery, encodeQueryTerms, optionalBelow } from "../../../../shared/query/query-vector.ts";
import type { Tokenizer } from "../../../../shared/text/types.ts";

/** Splits on spaces; a token is its id in digits, anything else [UNK]. */
const tokenizer: Tokenizer = {
  vocabularySize: 20,
  special: { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 },
  tokenize: (text) =>
    text
      .split(" ")
      .filter((word) => word !== "")
      .map((word) => (/^\d+$/.test(word) ? Number(word) : 1)),
  piece: String,
};

/** The IDF of token i is i / 8. */
const IDF = Float32Array.from({ length: 20 }, (_, tokenId) => tokenId / 8);

function encode(text: string, idfFloor = 0) {
  const { termIds, weights, tokens, unknown } = encodeQuery(text, tokenizer, {
    idf: IDF,
    optionalTokens: optionalBelow(IDF, idfFloor),
  });
  return { terms: Array.from(termIds, (termId, at) => [termId, weights[at]]), tokens, unknown };
}

describe("encodeQuery", () => {
  it("gives each distinct token round(256 · IDF), in ascending order", () => {
    expect(encode("12 8 12 9")).toEqual({
      terms: [
        [8, 256],
        [9, 288],
        [12, 384],
      ],
      tokens: 4,
      unknown: 0,
    });
  });

  it("leaves out specials and counts unknown tokens", () => {
    expect(encode("0 2 3 4 5 huh what")).toEqual({ terms: [[5, 160]], tokens: 7, unknown: 2 });
    expect(encode("huh")).toEqual({ terms: [], tokens: 1, unknown: 1 });
    expect(encode("")).toEqual({ terms: [], tokens: 0, unknown: 0 });
  });

  it("drops tokens under the floor, those at it stay", () => {
    expect(encode("7 8 9", 1).terms.map(([termId]) => termId)).toEqual([8, 9]);
  });

  it("keeps all tokens when the floor would leave none", () => {
    expect(encode("6 7", 1).terms.map(([termId]) => termId)).toEqual([6, 7]);
  });

  it("drops weights that round to 0 and rounds halves up", () => {
    const idf = Float32Array.from([9, 9, 9, 9, 9, 0, 1 / 1024, 1 / 512, 3 / 512]);
    const { termIds, weights } = encodeQuery("5 6 7 8", tokenizer, {
      idf,
      optionalTokens: new Uint8Array(2),
    });
    expect([...termIds]).toEqual([7, 8]);
    expect([...weights]).toEqual([1, 2]);
  });

  it("refuses a token that the table does not have", () => {
    expect(() => encode("25")).toThrowError(expect.objectContaining({ code: "token_id_out_of_range" }));
  });

  it("refuses weights that are no numbers or too large", () => {
    for (const weight of [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e6]) {
      const idf = Float32Array.from({ length: 20 }, () => weight);
      expect(() => encodeQuery("7", tokenizer, { idf, optionalTokens: new Uint8Array(3) })).toThrowError(
        expect.objectContaining({ code: "weight_out_of_range" }),
      );
    }
  });
});

describe("encodeQueryTerms", () => {
  it("quantizes given weights and sorts them by term", () => {
    expect(
      encodeQueryTerms([
        [300, 0.5],
        [7, 2],
        [9, 0],
      ]),
    ).toEqual({
      termIds: Uint32Array.of(7, 300),
      weights: Uint32Array.of(512, 128),
      tokens: 3,
      unknown: 0,
    });
  });

  it("refuses what is no term id or no weight", () => {
    for (const termId of [-1, 0.5, Number.NaN, 2 ** 32]) {
      expect(() => encodeQueryTerms([[termId, 1]])).toThrowError(
        expect.objectContaining({ code: "token_id_out_of_range" }),
      );
    }
    for (const weight of [-1, Number.NaN, 1e9]) {
      expect(() => encodeQueryTerms([[1, weight]])).toThrowError(
        expect.objectContaining({ code: "weight_out_of_range" }),
      );
    }
  });
});

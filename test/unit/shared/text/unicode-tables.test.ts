import { describe, expect, it } from "vitest";
import {
  CodePointKind,
  KIND_BITS,
  KIND_MASK,
  UnicodeTables,
} from "../../../../shared/text/unicode-tables.ts";

const tables = UnicodeTables.decode();
const kindOf = (codePoint: number) => tables.entryOf(codePoint) & KIND_MASK;
const payloadOf = (codePoint: number) => tables.entryOf(codePoint) >>> KIND_BITS;

describe("UnicodeTables", () => {
  it.each([
    ["keep", 0x61],
    ["keep", 0x10ffff],
    ["removed", 0],
    ["removed", 0xfffd],
    ["removed", 0x10fffd],
    ["removed", 0xf8ff],
    ["space", 0x0a],
    ["space", 0x3000],
    ["accent", 0x301],
    ["barrier", 0x34f],
    ["split", 0x21],
    ["split", 0x2014],
    ["cjk", 0x4e00],
    ["cjk", 0x2f800],
    ["mark", 0x302e],
    ["fold", 0x41],
    ["fold", 0xe9],
    ["expansion", 0xbca],
    ["hangul", 0xac00],
    ["hangul", 0xd7a3],
    ["keep", 0xd7a4],
    ["keep", 0xabff],
  ] as const)("says %s of code point %i", (kind, codePoint) => {
    expect(kindOf(codePoint)).toBe(CodePointKind[kind]);
  });

  it("gives the replacement of a fold, also of one that stands alone", () => {
    expect(String.fromCodePoint(payloadOf(0x130))).toBe("i");
    expect([kindOf(0x37e), payloadOf(0x37e)]).toEqual([CodePointKind.split, 0x3b]);
    expect([kindOf(0x2f800), payloadOf(0x2f800)]).toEqual([CodePointKind.cjk, 0x4e3d]);
    expect([...tables.expansions[payloadOf(0xbca)]!]).toEqual([0xbc6, 0xbbe]);
  });

  it("shares the blocks that are alike", () => {
    expect(tables.entries.length / 256).toBeLessThan(128);
    expect(tables.blocks[0x4e]).toBe(tables.blocks[0x4f]);
  });
});

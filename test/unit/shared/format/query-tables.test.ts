import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PAGE_HEADER_BYTES } from "../../../../shared/format/page.ts";
import { decodeQueryTables, encodeQueryTables } from "../../../../shared/format/query-tables.ts";
import { errorCodeOf } from "./support.ts";

function tables(entries: string[], optional: readonly number[] = [], lastNewline = true) {
  const text = entries.join("\n") + (lastNewline ? "\n" : "");
  return {
    vocabulary: new TextEncoder().encode(text),
    idf: Float32Array.from(entries, (_, at) => at / 3),
    optionalTokens: bitsOf(entries.length, optional),
  };
}

function bitsOf(size: number, set: readonly number[]): Uint8Array {
  const bits = new Uint8Array(Math.ceil(size / 8));
  for (const at of set) if (at < size) bits[at >> 3]! |= 1 << (at & 7);
  return bits;
}

describe("encodeQueryTables and decodeQueryTables", () => {
  it("give back vocabulary, IDF and optional tokens", () => {
    const entry = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 8 })
      .map((s) => s.replace(/\n/g, "_"));
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 1, maxLength: 50 }),
        fc.array(fc.nat(49)),
        fc.boolean(),
        (entries, optional, lastNewline) => {
          const given = tables(entries, optional, lastNewline);
          const { fingerprint, value } = encodeQueryTables(given);
          expect(decodeQueryTables(value, fingerprint, "key")).toEqual({ fingerprint, ...given });
        },
      ),
    );
  });

  it("take a vocabulary and an IDF table that are views at odd offsets", () => {
    const { vocabulary, idf } = tables(["a", "b", "c"]);
    const padded = new Uint8Array(vocabulary.length + 1);
    padded.set(vocabulary, 1);
    const whole = Float32Array.of(9, ...idf);
    const odd = encodeQueryTables({
      vocabulary: padded.subarray(1),
      idf: whole.subarray(1),
      optionalTokens: bitsOf(3, []),
    });
    expect(odd).toEqual(encodeQueryTables({ vocabulary, idf, optionalTokens: bitsOf(3, []) }));
    const shifted = new Uint8Array(odd.value.length + 3);
    shifted.set(odd.value, 3);
    expect(decodeQueryTables(shifted.subarray(3), odd.fingerprint, "key").idf).toEqual(idf);
  });

  it("name themselves by the SHA-256 of the payload", () => {
    const { fingerprint, value } = encodeQueryTables(tables(["a", "b"], [1]));
    const digest = createHash("sha256").update(value.subarray(PAGE_HEADER_BYTES)).digest("hex");
    expect(fingerprint).toBe(digest.slice(0, 32));
    expect(errorCodeOf(() => decodeQueryTables(value, "0".repeat(32), "key"))).toBe("page_unexpected");
  });

  it("refuse tables that do not fit together", () => {
    const given = tables(["a", "b"]);
    const wrong = [
      { ...given, idf: Float32Array.of(1) },
      { ...given, idf: Float32Array.of(1, Number.NaN) },
      { ...given, idf: Float32Array.of(1, -1) },
      { ...given, idf: Float32Array.of(1, Number.POSITIVE_INFINITY) },
      { ...given, optionalTokens: new Uint8Array(0) },
      { ...given, optionalTokens: new Uint8Array(2) },
      { ...given, optionalTokens: Uint8Array.of(0b100) },
      { vocabulary: new Uint8Array(0), idf: new Float32Array(0), optionalTokens: new Uint8Array(0) },
    ];
    for (const bad of wrong) expect(errorCodeOf(() => encodeQueryTables(bad))).toBe("query_tables_invalid");
  });
});

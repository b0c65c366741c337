import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLzeroError } from "../../../../shared/errors.ts";
import { locateJsonFault, parseDocuments } from "../../../../shared/messages/parse-documents.ts";

const RULES = { versions: "sequence", encodedFields: ["title", "text"] } as const;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A document that every rule accepts. */
const goodDocument = fc.record(
  {
    id: fc.stringMatching(/^[a-z0-9]{1,20}$/),
    text: fc.stringMatching(/^[a-z][^\ud800-\udfff]{0,40}$/),
    title: fc.string({ unit: "grapheme" }),
  },
  { requiredKeys: ["id", "text"] },
);

describe("parseDocuments", () => {
  it("gives every position once, as a document or as a refusal", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(goodDocument, fc.jsonValue()), { minLength: 1, maxLength: 30 }),
        (values) => {
          const parsed = parseDocuments(encode(JSON.stringify(values)), "json", RULES);
          const positions = [...parsed.accepted, ...parsed.rejected].map(({ position }) => position);
          expect(parsed.positions).toBe(values.length);
          expect(positions.sort((left, right) => left - right)).toEqual(
            values.map((_, position) => position),
          );
          for (const { position, document } of parsed.accepted) expect(values[position]).toEqual(document);
        },
      ),
    );
  });

  it("reads NDJSON as it reads the array of the same values", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(goodDocument, fc.jsonValue()), { minLength: 1, maxLength: 30 }),
        (values) => {
          const lines = values.map((value) => JSON.stringify(value)).join("\n");
          expect(parseDocuments(encode(lines), "ndjson", RULES)).toEqual(
            parseDocuments(encode(JSON.stringify(values)), "json", RULES),
          );
        },
      ),
    );
  });

  it("throws nothing but typed errors, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom("json", "ndjson"), (bytes, format) => {
        try {
          parseDocuments(bytes, format as "json" | "ndjson", RULES);
        } catch (error) {
          expect(isLzeroError(error)).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    [[0x5b, 0x80], 1],
    [[0x5b, 0xc0, 0xaf], 1],
    [[0xe2, 0x82], 0],
    [[0xed, 0xa0, 0x80], 0],
    [[0x22, 0xc3, 0xa9, 0xf5], 3],
    [[0xf4, 0x90, 0x80, 0x80], 0],
  ])("names the first byte of %j that is not UTF-8", (bytes, offset) => {
    expect(() => parseDocuments(Uint8Array.from(bytes), "json", RULES)).toThrow(
      expect.objectContaining({ code: "utf8_invalid", details: { offset } }),
    );
  });

  it("takes the byte order mark that some editors write", () => {
    const parsed = parseDocuments(encode('\uFEFF[{"id":"a","text":"t"}]'), "json", RULES);
    expect(parsed.accepted).toHaveLength(1);
  });
});

describe("locateJsonFault", () => {
  it.each([
    ["", 0, 0],
    ["x", 0, 0],
    ["[", 0, 1],
    ["[1", 1, 2],
    ["[1,]", 1, 3],
    ["[1 2]", 0, 1],
    ['["a,]", {]', 1, 8],
    ['["\\"]", nope]', 1, 8],
    ["[1] x", 1, 4],
    ["[1}", 1, 2],
    ['[{"a":[1,2}]', 0, 1],
  ])("finds in %s position %i at %i", (text, position, offset) => {
    expect(locateJsonFault(text)).toEqual({ position, offset });
  });

  it("finds the element that was cut in any array", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 8 }), fc.nat(7), (values, at) => {
        const place = at % values.length;
        const elements = values.map((value, position) => (position === place ? "{!" : JSON.stringify(value)));
        expect(locateJsonFault(`[${elements.join(",")}]`)).toEqual({
          position: place,
          offset: 1 + elements.slice(0, place).reduce((sum, element) => sum + element.length + 1, 0),
        });
      }),
    );
  });
});

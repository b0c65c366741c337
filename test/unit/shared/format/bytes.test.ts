import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader, ByteWriter } from "../../../../shared/format/bytes.ts";
import { errorCodeOf } from "./support.ts";

const ORIGIN = { key: "key", baseOffset: 36 };

function written(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(1);
  write(writer);
  return writer.view().slice();
}

const itemArbitrary = fc.oneof(
  fc.record({ type: fc.constant("u8" as const), value: fc.nat(255) }),
  fc.record({ type: fc.constant("u32" as const), value: fc.nat(2 ** 32 - 1) }),
  fc.record({ type: fc.constant("f64" as const), value: fc.double() }),
  fc.record({ type: fc.constant("varint" as const), value: fc.oneof(fc.nat(300), fc.maxSafeNat()) }),
  fc.record({ type: fc.constant("string" as const), value: fc.string({ unit: "binary" }) }),
);

describe("ByteWriter and ByteReader", () => {
  it("give back what was written, in order", () => {
    fc.assert(
      fc.property(fc.array(itemArbitrary), (items) => {
        const bytes = written((writer) => {
          for (const item of items) {
            if (item.type === "string") writer.string(item.value);
            else writer[item.type](item.value);
          }
        });
        const reader = new ByteReader(bytes, ORIGIN);
        for (const { type, value } of items) {
          const read = type === "varint" ? reader.varint(Number.MAX_SAFE_INTEGER, "it") : reader[type]("it");
          expect(read).toBe(value);
        }
        reader.end("the items");
      }),
    );
  });

  it("write varints of seven bits a byte, lowest first", () => {
    const cases: [number, number[]][] = [
      [0, [0]],
      [127, [127]],
      [128, [0x80, 1]],
      [300, [0xac, 2]],
      [2 ** 28 - 1, [0xff, 0xff, 0xff, 0x7f]],
      [2 ** 28, [0x80, 0x80, 0x80, 0x80, 1]],
      [2 ** 53 - 1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ];
    for (const [value, bytes] of cases) expect([...written((writer) => writer.varint(value))]).toEqual(bytes);
  });

  it("refuse varints that are cut, padded, too long or too large", () => {
    const read = (bytes: number[], max = Number.MAX_SAFE_INTEGER) =>
      errorCodeOf(() => new ByteReader(Uint8Array.from(bytes), ORIGIN).varint(max, "a number"));
    expect(read([0x80, 1])).toBe("none");
    expect(read([])).toBe("page_corrupt");
    expect(read([0x80])).toBe("page_corrupt");
    expect(read([0x80, 0])).toBe("page_corrupt");
    expect(read([0x81, 0x80, 0])).toBe("page_corrupt");
    expect(read([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10])).toBe("page_corrupt");
    expect(read([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x8f, 1])).toBe("page_corrupt");
    expect(read([101], 100)).toBe("page_corrupt");
  });

  it("refuse bytes that are not UTF-8 and keep a byte order mark", () => {
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82]]) {
      const reader = new ByteReader(Uint8Array.of(bytes.length, ...bytes), ORIGIN);
      expect(errorCodeOf(() => reader.string("a text"))).toBe("page_corrupt");
    }
    expect(new ByteReader(Uint8Array.of(3, 0xef, 0xbb, 0xbf), ORIGIN).string("a text")).toBe("\uFEFF");
  });

  it("write lone surrogates as U+FFFD", () => {
    const bytes = written((writer) => writer.string("a\uD800b"));
    expect(new ByteReader(bytes, ORIGIN).string("a text")).toBe("a\uFFFDb");
  });

  it("name the offset in the value when a bound is crossed", () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3), ORIGIN, 0, 2);
    reader.u8("a number");
    expect(() => reader.u32("a number")).toThrowError(
      expect.objectContaining({
        details: { key: "key", offset: 37, expected: "4 bytes", actual: "1 bytes" },
      }),
    );
    expect(errorCodeOf(() => reader.end("it"))).toBe("page_corrupt");
  });
});

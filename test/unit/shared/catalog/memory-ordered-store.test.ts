import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryOrderedStore } from "../../../../shared/catalog/memory-ordered-store.ts";
import { describeOrderedStore } from "./ordered-store-contract.ts";

describe("MemoryOrderedStore", () => {
  describeOrderedStore(async (body) => body(new MemoryOrderedStore()));

  it("equals a sorted map after any writes, over many runs of keys", () => {
    const key = fc.uint8Array({ maxLength: 3 });
    const write = fc.record({ key, value: fc.option(fc.integer({ min: 0, max: 255 })) });
    const range = fc.record({ start: key, end: key, limit: fc.nat(50), reverse: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(write, { minLength: 1500, maxLength: 3000, size: "max" }),
        range,
        (writes, { start, end, limit, reverse }) => {
          const store = new MemoryOrderedStore();
          const expected = new Map<string, number>();
          for (const { key, value } of writes) {
            if (value === null) store.delete(key);
            else store.put(key, Uint8Array.of(value));
            if (value === null) expected.delete(Buffer.from(key).toString("hex"));
            else expected.set(Buffer.from(key).toString("hex"), value);
          }
          const [from, to] = [start, end].map((bound) => Buffer.from(bound).toString("hex")) as [
            string,
            string,
          ];
          const inRange = [...expected]
            .filter(([hex]) => hex >= from && hex < to)
            .sort(([a], [b]) => (a < b ? -1 : 1));
          if (reverse) inRange.reverse();
          const listed = store.list({ start, end, limit, reverse });
          expect(listed.map(({ key, value }) => [Buffer.from(key).toString("hex"), value[0]])).toEqual(
            inRange.slice(0, limit),
          );
          expect(store.list({})).toHaveLength(expected.size);
        },
      ),
      { numRuns: 20 },
    );
  });
});

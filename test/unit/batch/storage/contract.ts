/** What every page store must do, as one suite that each driver's test runs. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PageStore } from "../../../../shared/storage/page-store.ts";

/** Runs the contract; `withStore` gives each case an empty store and takes it away again. */
export function describePageStore(
  name: string,
  withStore: (use: (store: PageStore) => Promise<void>) => Promise<void>,
) {
  describe(`${name} as a page store`, () => {
    it("returns null for a key that was never written", () =>
      withStore(async (store) => {
        expect(await store.read("demo/0/1")).toBeNull();
      }));

    it("returns every byte value that was written, and no bytes for an empty value", () =>
      withStore(async (store) => {
        const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
        await store.write([
          { key: "demo/every", value: every },
          { key: "demo/empty", value: new Uint8Array() },
        ]);
        expect(await store.read("demo/every")).toEqual(every);
        expect(await store.read("demo/empty")).toEqual(new Uint8Array());
      }));

    it("writes a view, not the buffer behind it", () =>
      withStore(async (store) => {
        const buffer = Uint8Array.of(1, 2, 3, 4, 5);
        await store.write([{ key: "view", value: buffer.subarray(1, 4) }]);
        expect(await store.read("view")).toEqual(Uint8Array.of(2, 3, 4));
      }));

    it("keeps what was written when the caller's arrays change later", () =>
      withStore(async (store) => {
        const value = Uint8Array.of(7);
        await store.write([{ key: "a", value }]);
        value[0] = 8;
        const first = await store.read("a");
        expect(first).toEqual(Uint8Array.of(7));
        first![0] = 9;
        expect(await store.read("a")).toEqual(Uint8Array.of(7));
      }));

    it("replaces a value, and takes the same write twice", () =>
      withStore(async (store) => {
        await store.write([{ key: "a", value: Uint8Array.of(1) }]);
        await store.write([{ key: "a", value: Uint8Array.of(2) }]);
        await store.write([{ key: "a", value: Uint8Array.of(2) }]);
        expect(await store.read("a")).toEqual(Uint8Array.of(2));
      }));

    it("keeps the last of two entries with one key", () =>
      withStore(async (store) => {
        await store.write([
          { key: "a", value: Uint8Array.of(1) },
          { key: "a", value: Uint8Array.of(2) },
        ]);
        expect(await store.read("a")).toEqual(Uint8Array.of(2));
      }));

    it("takes no entries and no keys", () =>
      withStore(async (store) => {
        await store.write([]);
        await store.delete([]);
      }));

    it("deletes keys, absent ones included, and leaves the others", () =>
      withStore(async (store) => {
        await store.write([
          { key: "a", value: Uint8Array.of(1) },
          { key: "b", value: Uint8Array.of(2) },
        ]);
        await store.delete(["a", "never", "a"]);
        expect(await store.read("a")).toBeNull();
        expect(await store.read("b")).toEqual(Uint8Array.of(2));
      }));

    it("keeps keys apart that a file system or a URL might mix up", () =>
      withStore(async (store) => {
        const keys = [
          "a",
          "a/b",
          "a/b/c",
          "a.value",
          "a.value/b",
          "a//b",
          "/a",
          "a/",
          "a/..",
          "../a",
          "a/./b",
          "a%2Fb",
          "a%b",
          "A",
          "a+/b",
          "a b",
          "a?b=c#d",
          "é",
          "e\u0301",
          "🦉",
          "_tables/0",
          "x".repeat(200),
          "x".repeat(201),
          "x".repeat(512),
          `${"x".repeat(200)}/${"x".repeat(200)}`,
          "*",
          "~",
          "CON",
        ];
        await store.write(keys.map((key, position) => ({ key, value: Uint8Array.of(position) })));
        for (const [position, key] of keys.entries())
          expect([key, await store.read(key)]).toEqual([key, Uint8Array.of(position)]);
      }));

    it.each([
      ["an empty key", ""],
      ["a dot", "."],
      ["two dots", ".."],
      ["513 bytes", "x".repeat(513)],
      ["257 characters of two bytes", "é".repeat(257)],
      ["a lone surrogate", "a\uD800"],
    ])("refuses %s as a key", (_, key) =>
      withStore(async (store) => {
        const refusal = expect.objectContaining({ code: "storage_key_invalid" });
        await expect(store.read(key)).rejects.toEqual(refusal);
        await expect(store.delete([key])).rejects.toEqual(refusal);
        await expect(store.write([{ key, value: Uint8Array.of(1) }])).rejects.toEqual(refusal);
      }),
    );

    it("refuses a value above 25 MiB by its key and writes nothing", () =>
      withStore(async (store) => {
        const value = new Uint8Array(25 * 1024 * 1024 + 1);
        await expect(
          store.write([
            { key: "small", value: Uint8Array.of(1) },
            { key: "large", value },
          ]),
        ).rejects.toMatchObject({ code: "storage_value_too_large", details: { key: "large" } });
        expect(await store.read("small")).toBeNull();
      }));

    it("does what a Map does under any series of writes and deletes", () =>
      withStore(async (store) => {
        const key = fc.constantFrom("i/0/0", "i/0/1", "i/1/0", "i/manifest", "i");
        const step = fc.oneof(
          fc.record({
            write: fc.array(fc.record({ key, value: fc.uint8Array({ maxLength: 40 }) }), { maxLength: 4 }),
          }),
          fc.record({ remove: fc.array(key, { maxLength: 3 }) }),
        );
        const expected = new Map<string, Uint8Array>();
        await fc.assert(
          fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
            for (const action of steps) {
              if ("write" in action) {
                await store.write(action.write);
                for (const entry of action.write) expected.set(entry.key, entry.value);
              } else {
                await store.delete(action.remove);
                for (const gone of action.remove) expected.delete(gone);
              }
            }
            for (const name of ["i/0/0", "i/0/1", "i/1/0", "i/manifest", "i"]) {
              const value = await store.read(name);
              expect(value === null ? null : [...value]).toEqual(
                expected.has(name) ? [...expected.get(name)!] : null,
              );
            }
          }),
          { numRuns: 25 },
        );
      }));
  });
}

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Env } from "../../../workers/env.ts";
import { SqliteOrderedStore } from "../../../workers/sqlite-ordered-store.ts";
import { describeOrderedStore } from "../../unit/shared/catalog/ordered-store-contract.ts";

const { CATALOG } = env as unknown as Env;

/** Runs a body over the storage of a new object. */
function withStorage(body: (storage: DurableObjectStorage) => void): Promise<void> {
  return runInDurableObject(CATALOG.get(CATALOG.newUniqueId()), (_, state) => body(state.storage));
}

function tables(storage: DurableObjectStorage): unknown[] {
  const rows = storage.sql.exec("SELECT name FROM sqlite_master WHERE type = 'table'").toArray();
  return rows.map(({ name }) => name).filter((name) => !String(name).startsWith("_cf_"));
}

describe("SqliteOrderedStore", () => {
  describeOrderedStore((body) => withStorage((storage) => body(new SqliteOrderedStore(storage))));

  it("makes its table with the first write, and not before", () =>
    withStorage((storage) => {
      const store = new SqliteOrderedStore(storage);
      store.get(Uint8Array.of(1));
      store.list({});
      store.delete(Uint8Array.of(1));
      expect(() =>
        store.transaction(() => {
          store.put(Uint8Array.of(1), Uint8Array.of(1));
          throw new Error("crash");
        }),
      ).toThrow("crash");
      expect(tables(storage)).toEqual([]);
      store.put(Uint8Array.of(1), Uint8Array.of(1));
      expect(tables(storage)).toEqual(["catalog"]);
    }));

  it("finds what another instance over the same storage wrote", () =>
    withStorage((storage) => {
      new SqliteOrderedStore(storage).put(Uint8Array.of(1), Uint8Array.of(2));
      expect(new SqliteOrderedStore(storage).get(Uint8Array.of(1))).toEqual(Uint8Array.of(2));
    }));
});

/**
 * The ordered store over a Durable Object's SQLite: one table, whose primary key SQLite orders by memcmp.
 * The table is made by the first write, so that asking for an index that was never made stores nothing.
 */

import type { KeyRange, OrderedStore, StoredEntry } from "../shared/catalog/ordered-store.ts";
import { LzeroError } from "../shared/errors.ts";

const TABLE = "catalog";

export class SqliteOrderedStore implements OrderedStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  #tableExists: boolean;
  #inTransaction = false;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#tableExists = this.#findTable();
  }

  get(key: Uint8Array): Uint8Array | null {
    if (!this.#tableExists) return null;
    const cursor = this.#sql.exec<{ value: ArrayBuffer }>(`SELECT value FROM ${TABLE} WHERE key = ?`, key);
    for (const { value } of cursor) return new Uint8Array(value);
    return null;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#makeTable();
    this.#sql.exec(`INSERT OR REPLACE INTO ${TABLE} (key, value) VALUES (?, ?)`, key, value);
  }

  delete(key: Uint8Array): void {
    if (this.#tableExists) this.#sql.exec(`DELETE FROM ${TABLE} WHERE key = ?`, key);
  }

  list(range: KeyRange): StoredEntry[] {
    if (!this.#tableExists) return [];
    const conditions: string[] = [];
    const bindings: (Uint8Array | number)[] = [];
    if (range.start !== undefined) {
      conditions.push("key >= ?");
      bindings.push(range.start);
    }
    if (range.end !== undefined) {
      conditions.push("key < ?");
      bindings.push(range.end);
    }
    const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    const order = range.reverse === true ? "DESC" : "ASC";
    if (range.limit !== undefined) bindings.push(range.limit);
    const limit = range.limit === undefined ? "" : "LIMIT ?";
    const cursor = this.#sql.exec<{ key: ArrayBuffer; value: ArrayBuffer }>(
      `SELECT key, value FROM ${TABLE} ${where} ORDER BY key ${order} ${limit}`,
      ...bindings,
    );
    const entries: StoredEntry[] = [];
    for (const { key, value } of cursor) {
      entries.push({ key: new Uint8Array(key), value: new Uint8Array(value) });
    }
    return entries;
  }

  transaction<T>(body: () => T): T {
    if (this.#inTransaction) throw new LzeroError("transaction_nested", "transactions are never nested");
    this.#inTransaction = true;
    try {
      return this.#storage.transactionSync(body);
    } catch (cause) {
      this.#tableExists = this.#findTable(); // the roll-back may have taken the table with it
      throw cause;
    } finally {
      this.#inTransaction = false;
    }
  }

  #makeTable(): void {
    if (this.#tableExists) return;
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID`,
    );
    this.#tableExists = true;
  }

  #findTable(): boolean {
    return this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = ?", TABLE).toArray().length > 0;
  }
}

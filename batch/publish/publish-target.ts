/** Where a segment goes, and with what model: everything about an index that publishing and merging need. */
import { randomBytes } from "node:crypto";
import type { ModelBinding } from "../../shared/catalog/commands.ts";
import { encodeQueryTables, type QueryTables } from "../../shared/format/query-tables.ts";
import { impactBitsOf, type ModelManifest } from "../../shared/model/model-manifest.ts";
import { optionalBelow } from "../../shared/query/query-vector.ts";
import type { PageStore } from "../../shared/storage/page-store.ts";
import type { CatalogPort } from "../catalog-port.ts";

export interface IndexTarget {
  readonly index: string;
  readonly catalog: CatalogPort;
  readonly store: PageStore;
}

/** The query side of a model as one KV value, by its fingerprint. */
export interface QueryTablesValue {
  readonly fingerprint: string;
  readonly value: Uint8Array;
}

/** A model as indexes are bound to it. */
export interface BoundModel {
  readonly binding: ModelBinding;
  /** The model's own query tables. */
  readonly tables: QueryTablesValue;
  /** What other tables of this model are made from. */
  readonly query: Omit<QueryTables, "fingerprint">;
}

/**
 * Makes the binding of a model.
 * @param vocabulary bytes of vocab.txt
 * @param idf one weight a vocabulary entry
 */
export function bindModel(manifest: ModelManifest, vocabulary: Uint8Array, idf: Float32Array): BoundModel {
  const { maxWeight, queryIdfFloor, lexical } = manifest.identity;
  const optionalTokens = optionalBelow(idf, queryIdfFloor);
  const query = { vocabulary, idf, optionalTokens };
  const tables = encodeQueryTables(query);
  return {
    binding: {
      fingerprint: manifest.fingerprint,
      tables: tables.fingerprint,
      maxWeight,
      impactBits: impactBitsOf(manifest.identity),
      averageLength: lexical.alpha > 0 ? lexical.averageLength : null,
    },
    tables,
    query,
  };
}

/** @returns 128 random bits in hex: an id per attempt, so that no key is ever written with two contents */
export function newSegmentId(): string {
  return randomBytes(16).toString("hex");
}

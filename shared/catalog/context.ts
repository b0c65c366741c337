/** What one command works with, and the state row that every command but `create` needs. */
import { LzeroError } from "../errors.ts";
import type { CatalogConfig } from "./config.ts";
import { STATE_KEY } from "./keys.ts";
import type { OrderedStore } from "./ordered-store.ts";
import { decodeJsonRow, encodeJsonRow, type IndexState } from "./rows.ts";

export interface CatalogContext {
  readonly store: OrderedStore;
  readonly index: string;
  readonly config: CatalogConfig;
  /** Time of this command; one value for all that it writes. */
  readonly nowMs: number;
}

/** @throws LzeroError `index_not_found` */
export function readState(context: CatalogContext): IndexState {
  const state = findState(context);
  if (state === null) {
    throw new LzeroError("index_not_found", `there is no index "${context.index}"`, { index: context.index });
  }
  return state;
}

export function findState(context: CatalogContext): IndexState | null {
  const value = context.store.get(STATE_KEY);
  return value === null ? null : decodeJsonRow<IndexState>(value);
}

/** Name of the index that a store belongs to; null before it is made. */
export function storedIndexName(store: OrderedStore): string | null {
  const value = store.get(STATE_KEY);
  return value === null ? null : decodeJsonRow<IndexState>(value).index;
}

export function writeState(context: CatalogContext, state: IndexState): void {
  context.store.put(STATE_KEY, encodeJsonRow(state));
}

/** What shards must have in common: otherwise their scores mean nothing to each other. */

import type { IndexSettings, ModelBinding } from "../../shared/catalog/commands.ts";
import { LzeroError } from "../../shared/errors.ts";

const FIELDS = ["fingerprint", "tables", "maxWeight", "impactBits", "averageLength"] as const;

/**
 * @param models of the shards by place; null where a shard has no documents yet
 * @returns the one model of all that have documents
 * @throws LzeroError `shards_disagree` naming two shards and what differs
 */
export function requireSameModel(models: readonly (ModelBinding | null)[]): ModelBinding | null {
  const first = models.findIndex((model) => model !== null);
  const wanted = models[first] ?? null;
  for (const [at, model] of models.entries()) {
    if (model === null || wanted === null) continue;
    const field = FIELDS.find((each) => model[each] !== wanted[each]);
    if (field === undefined) continue;
    const what =
      field === "tables"
        ? 'other query tables: give the index idf "model" on each'
        : "another model: run the consumers of all shards with one model, and index the documents of the shard that differs again";
    throw new LzeroError("shards_disagree", `shards ${first + 1} and ${at + 1} differ in ${field}; ${what}`, {
      shards: [first + 1, at + 1],
      field,
      values: [String(wanted[field]), String(model[field])],
    });
  }
  return wanted;
}

/**
 * Settings that give each shard numbers of its own documents make scores of one shard larger than those of another.
 * @throws LzeroError `settings_not_shardable`
 */
export function requireShardable({ idf, encoder, averageLength }: IndexSettings): void {
  if (idf !== "model") {
    throw new LzeroError(
      "settings_not_shardable",
      `idf "${idf}" counts the documents of each shard for itself, so that scores of two shards could not be compared; an index of shards takes idf "model"`,
      { field: "idf" },
    );
  }
  if (encoder === "bm25" && averageLength === null) {
    throw new LzeroError(
      "settings_not_shardable",
      "averageLength would be measured on each shard for itself; an index of shards with bm25 states it",
      { field: "averageLength" },
    );
  }
}

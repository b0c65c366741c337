/**
 * Which shard of a sharded index a document belongs to. The 128 bits of a key are cut into as many equal ranges as there
 * are shards, by its first 32 bits: the rule depends on the id and the number of shards alone, so that any number of
 * fronts agree. Another number of shards puts documents elsewhere: it means making the index anew.
 */
import * as z from "zod";
import { MAX_SHARDS } from "../messages/limits.ts";

/** A shard's place, from 1 on, among all of its index. */
export const shardPlaceSchema = z
  .strictObject({ place: z.int().min(1).max(MAX_SHARDS), of: z.int().min(1).max(MAX_SHARDS) })
  .refine(({ place, of }) => place <= of, "place is above of");
export type ShardPlace = z.infer<typeof shardPlaceSchema>;

const PREFIX_DIGITS = 8;
const PREFIXES = 2 ** (4 * PREFIX_DIGITS);

/**
 * @param key 32 hex digits: a `documentKey`, or the id of an ingest, which has its home on a shard by the same rule
 * @param of number of shards
 * @returns the shard's place, from 1 on
 */
export function placeOfKey(key: string, of: number): number {
  return 1 + Math.floor((Number.parseInt(key.slice(0, PREFIX_DIGITS), 16) * of) / PREFIXES);
}

export function formatShardPlace({ place, of }: ShardPlace): string {
  return `${place}/${of}`;
}

/** @returns null for what is no place, e.g. "4/3" */
export function parseShardPlace(text: string | null | undefined): ShardPlace | null {
  const match = /^([1-9]\d?)\/([1-9]\d?)$/.exec(text ?? "");
  if (match === null) return null;
  const parsed = shardPlaceSchema.safeParse({ place: Number(match[1]), of: Number(match[2]) });
  return parsed.success ? parsed.data : null;
}

/**
 * The generation of a sharded index: those of its shards in order, joined by dots ("4.17.0"). In: what a client sends.
 * Out: one least generation a shard. Tokens are compared shard by shard; 0 asks nothing of a shard.
 */
import { LzeroError } from "../../shared/errors.ts";

export const GENERATION_TOKEN = /^\d{1,15}(\.\d{1,15}){0,29}$/;

export function encodeGenerations(generations: readonly number[]): string {
  return generations.join(".");
}

/** @throws LzeroError `parameter_invalid` for a token of another number of shards */
export function decodeGenerations(token: string, shards: number): readonly number[] {
  const generations = token.split(".").map(Number);
  if (generations.length !== shards) {
    const message = `minGeneration is of ${generations.length} shards, the index has ${shards}`;
    throw new LzeroError("parameter_invalid", message, { parameter: "minGeneration" });
  }
  return generations;
}

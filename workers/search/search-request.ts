/**
 * What a search asks for: one schema for GET and POST. In: query parameters or a JSON body. Out: checked values, or an
 * error that names the parameter.
 */
import * as z from "zod";
import { LzeroError } from "../../shared/errors.ts";
import { DEFAULT_K, MAX_K, MAX_QUERY_BYTES, MAX_RESULT_WINDOW } from "../../shared/messages/limits.ts";
import { utf8SizeBytes } from "../../shared/messages/size.ts";
import type { ReadBudget } from "../../shared/query/plan.ts";
import { GENERATION_TOKEN } from "../sharding/generation-token.ts";

export const searchRequestSchema = z.strictObject({
  /** The query; at most 2 KB in UTF-8. */
  q: z.string(),
  k: z.int().min(1).max(MAX_K).default(DEFAULT_K),
  /** Hits to skip; offset + k is at most 1,000. */
  offset: z.int().min(0).max(MAX_RESULT_WINDOW).default(0),
  /** Answer from this generation or a later one, or not at all. */
  minGeneration: z.int().min(0).optional(),
  /** Read at most so many posting pages; then the answer may be inexact, and says what of it is certain. */
  maxReads: z.int().min(0).max(10_000).optional(),
  /** Read at most so many bytes of posting pages. */
  maxBytes: z.int().min(0).max(1_000_000_000).optional(),
  /** Add to each hit where its words match and which terms made its score. */
  highlight: z.boolean().default(false),
});
export type SearchRequest = z.output<typeof searchRequestSchema>;

/** Of a sharded index: the least generation is a token, or a number where there is one shard. */
export const shardedSearchRequestSchema = searchRequestSchema.extend({
  /** The `generation` of an answer, an ingest or a deletion: one number a shard, joined by dots. */
  minGeneration: z.union([z.string().regex(GENERATION_TOKEN), z.int().min(0).transform(String)]).optional(),
});
export type ShardedSearchRequest = z.output<typeof shardedSearchRequestSchema>;

const INTEGER_PARAMETERS = ["k", "offset", "maxReads", "maxBytes"];

type CommonRequest = Omit<SearchRequest, "minGeneration">;

/** What a search may read; empty without a bound. */
export function budgetOf({ maxReads, maxBytes }: Pick<SearchRequest, "maxReads" | "maxBytes">): ReadBudget {
  return {
    ...(maxReads === undefined ? {} : { maxReads }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  };
}

/** Checks a search. @throws LzeroError `parameter_invalid`, `parameter_unknown`, `query_empty`, `query_too_long` */
export function checkSearchRequest(value: unknown): SearchRequest {
  return check(searchRequestSchema, value);
}

/** The same of a sharded index. */
export function checkShardedSearchRequest(value: unknown): ShardedSearchRequest {
  return check(shardedSearchRequestSchema, value);
}

function check<Request extends CommonRequest>(schema: z.ZodType<Request>, value: unknown): Request {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw describeParameter(parsed.error.issues[0]!);
  const request = { ...parsed.data, q: parsed.data.q.toWellFormed() };
  if (request.q.trim() === "") throw new LzeroError("query_empty", "q is empty", { parameter: "q" });
  const sizeBytes = utf8SizeBytes(request.q);
  if (sizeBytes > MAX_QUERY_BYTES) {
    throw new LzeroError("query_too_long", `q has ${sizeBytes} bytes in UTF-8, at most ${MAX_QUERY_BYTES}`, {
      parameter: "q",
    });
  }
  if (request.offset + request.k > MAX_RESULT_WINDOW) {
    throw new LzeroError("parameter_invalid", `offset + k is above ${MAX_RESULT_WINDOW}`, {
      parameter: "offset",
    });
  }
  return request;
}

/**
 * Turns the parameters of an address into the value that `checkSearchRequest` takes.
 * @throws LzeroError `parameter_repeated`, `parameter_invalid`
 */
export function readSearchParameters(parameters: URLSearchParams): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const [name, text] of parameters) {
    if (Object.hasOwn(value, name)) {
      throw new LzeroError("parameter_repeated", `${quote(name)} is there twice`, { parameter: quote(name) });
    }
    if (INTEGER_PARAMETERS.includes(name)) value[name] = readInteger(name, text);
    // A token of several shards stays text.
    else if (name === "minGeneration" && /^\d{1,16}$/.test(text)) value[name] = Number(text);
    else if (name === "highlight") value[name] = text === "true" ? true : text === "false" ? false : text;
    else Object.defineProperty(value, name, { value: text, enumerable: true });
  }
  return value;
}

/** Digits alone: " 5", "1e1", "0x5" and "" are not numbers here. */
function readInteger(name: string, text: string): number {
  if (!/^-?\d{1,16}$/.test(text)) {
    throw new LzeroError("parameter_invalid", `${name} is not an integer`, { parameter: name });
  }
  return Number(text);
}

function describeParameter(issue: z.core.$ZodIssue): LzeroError {
  if (issue.code === "unrecognized_keys") {
    const parameter = quote(issue.keys[0] ?? "");
    return new LzeroError("parameter_unknown", `${parameter} is not a parameter of a search`, { parameter });
  }
  const parameter = String(issue.path[0] ?? "");
  if (parameter === "q" && issue.message.endsWith("undefined")) {
    return new LzeroError("query_empty", "q is missing", { parameter });
  }
  if (parameter === "") return new LzeroError("body_invalid", "a search is a JSON object");
  return new LzeroError("parameter_invalid", `${parameter}: ${issue.message}`, { parameter });
}

function quote(name: string): string {
  return name.slice(0, 64);
}

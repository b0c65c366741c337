/**
 * Cloudflare's KV REST endpoints on 127.0.0.1, over any key-value backing: what the batch side writes to when the
 * whole system runs on one machine. Routes, envelope and limits as documented
 * (developers.cloudflare.com/api/resources/kv); expiry, metadata and multipart bodies are refused, since nothing
 * here uses them.
 */
import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { z } from "zod";
import { isLzeroError } from "../../shared/errors.ts";
import { listenOnLoopback, readBody } from "./loopback.ts";

/** KV limits (FACTS: Cloudflare docs). */
const MAX_BULK_BYTES = 100_000_000;
const MAX_BULK_PAIRS = 10_000;
const MAX_VALUE_BYTES = 25 * 1024 * 1024;
const MAX_KEY_BYTES = 512;
const MAX_LIST_KEYS = 1000;
/** Writes to the backing at once. */
const WRITE_CONCURRENCY = 8;

export interface KvBacking {
  get(key: string): Promise<Uint8Array | null>;
  put(key: string, value: Uint8Array): Promise<void>;
  delete(key: string): Promise<void>;
  /** Keys in ascending order; `cursor` is absent after the last. */
  list(options: {
    readonly prefix: string;
    readonly limit: number;
    readonly cursor: string | null;
  }): Promise<{ readonly keys: readonly string[]; readonly cursor: string | null }>;
}

export interface KvRestServerOptions {
  readonly backing: KvBacking;
  readonly port: number;
  readonly accountId: string;
  readonly namespaceId: string;
  readonly apiToken: string;
}

const bulkWriteSchema = z
  .array(
    z.strictObject({
      key: z.string(),
      value: z.string(),
      base64: z.boolean().default(false),
    }),
  )
  .max(MAX_BULK_PAIRS);
const bulkDeleteSchema = z.array(z.string()).max(MAX_BULK_PAIRS);

/** A refusal with Cloudflare's error code; becomes `{success: false, errors: [{code, message}]}`. */
class RestError extends Error {
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.name = "RestError";
    this.status = status;
    this.code = code;
  }
}

/** @throws LzeroError `port_in_use` */
export function startKvRestServer(
  options: KvRestServerOptions,
): Promise<{ readonly server: Server; readonly port: number }> {
  const root = `/client/v4/accounts/${options.accountId}/storage/kv/namespaces/`;
  return listenOnLoopback(options.port, async (request, response) => {
    try {
      checkToken(request, options.apiToken);
      const url = new URL(request.url ?? "/", "http://kv.invalid");
      const [namespace, ...rest] = url.pathname.startsWith(root)
        ? url.pathname.slice(root.length).split("/")
        : [];
      if (namespace === undefined) throw new RestError(404, 7003, "no such route");
      if (namespace !== options.namespaceId) throw new RestError(404, 10013, "namespace not found");
      await route(options.backing, request, response, url, rest);
    } catch (error) {
      if (error instanceof RestError) refuse(response, error);
      else if (isLzeroError(error, "body_too_large")) {
        refuse(response, new RestError(413, 10025, error.message));
      } else throw error;
    }
  });
}

async function route(
  backing: KvBacking,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  path: readonly string[],
): Promise<void> {
  const operation = `${request.method} ${path[0]}${path.length > 1 && path[0] === "bulk" ? `/${path[1]}` : ""}`;
  const key = (): string => checkKey(path.slice(1).map(decodeComponent).join("/"));
  switch (operation) {
    case "PUT bulk": {
      const pairs = await readJson(request, bulkWriteSchema);
      const values = pairs.map((pair) => ({ key: checkKey(pair.key), value: decodeValue(pair) }));
      return answer(response, await applyBulk(values, (pair) => backing.put(pair.key, pair.value)));
    }
    case "POST bulk/delete": {
      const keys = await readJson(request, bulkDeleteSchema);
      const entries = keys.map((name) => ({ key: checkKey(name) }));
      return answer(response, await applyBulk(entries, (entry) => backing.delete(entry.key)));
    }
    case "GET values": {
      const value = await backing.get(key());
      if (value === null) throw new RestError(404, 10009, "get: 'key not found'");
      response.writeHead(200, {
        "content-type": "application/octet-stream",
        "content-length": value.byteLength,
      });
      response.end(value);
      return;
    }
    case "DELETE values":
      await backing.delete(key());
      return answer(response, {});
    case "GET keys": {
      const limit = Number(url.searchParams.get("limit") ?? MAX_LIST_KEYS);
      if (!Number.isInteger(limit) || limit < 10 || limit > MAX_LIST_KEYS) {
        throw new RestError(400, 10029, "limit is an integer from 10 to 1000");
      }
      const prefix = url.searchParams.get("prefix") ?? "";
      const page = await backing.list({ prefix, limit, cursor: url.searchParams.get("cursor") || null });
      return answer(
        response,
        page.keys.map((name) => ({ name })),
        { count: page.keys.length, cursor: page.cursor ?? "" },
      );
    }
    default:
      throw new RestError(405, 10000, `${operation} is not served here`);
  }
}

/** Applies entries a few at a time, equal keys in order; a failure is reported by key, as the real service does. */
async function applyBulk<T extends { readonly key: string }>(
  entries: readonly T[],
  apply: (entry: T) => Promise<void>,
): Promise<{ successful_key_count: number; unsuccessful_keys: string[] }> {
  const last = [...new Map(entries.map((entry) => [entry.key, entry])).values()];
  const failed: string[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < last.length) {
      const entry = last[next++]!;
      try {
        await apply(entry);
      } catch (error) {
        console.error(`KV could not apply ${JSON.stringify(entry.key)}:`, error);
        failed.push(entry.key);
      }
    }
  };
  await Promise.all(Array.from({ length: WRITE_CONCURRENCY }, work));
  return { successful_key_count: last.length - failed.length, unsuccessful_keys: failed };
}

async function readJson<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const body = await readBody(request, MAX_BULK_BYTES);
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    throw new RestError(400, 10026, "the body is not JSON");
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new RestError(400, 10026, z.prettifyError(parsed.error).slice(0, 500));
  return parsed.data;
}

function decodeValue(pair: {
  readonly key: string;
  readonly value: string;
  readonly base64: boolean;
}): Buffer {
  const value = Buffer.from(pair.value, pair.base64 ? "base64" : "utf8");
  if (pair.base64 && value.toString("base64").replace(/=+$/, "") !== pair.value.replace(/=+$/, "")) {
    throw new RestError(400, 10012, `the value of ${JSON.stringify(pair.key)} is not base64`);
  }
  if (value.length > MAX_VALUE_BYTES) {
    throw new RestError(413, 10030, `the value of ${JSON.stringify(pair.key)} has more than 25 MiB`);
  }
  return value;
}

function checkKey(key: string): string {
  const sizeBytes = Buffer.byteLength(key);
  if (key === "" || key === "." || key === ".." || sizeBytes > MAX_KEY_BYTES) {
    throw new RestError(
      400,
      10033,
      `a key has 1 to ${MAX_KEY_BYTES} bytes and is neither . nor ..; this one has ${sizeBytes}`,
    );
  }
  return key;
}

function decodeComponent(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new RestError(400, 10014, "the key is not URL-encoded");
  }
}

function checkToken(request: IncomingMessage, apiToken: string): void {
  const given = Buffer.from(request.headers.authorization ?? "");
  const expected = Buffer.from(`Bearer ${apiToken}`);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new RestError(403, 10000, "Authentication error");
  }
}

function answer(response: ServerResponse, result: unknown, resultInfo?: unknown): void {
  send(response, 200, {
    success: true,
    errors: [],
    messages: [],
    result,
    ...(resultInfo === undefined ? {} : { result_info: resultInfo }),
  });
}

function refuse(response: ServerResponse, error: RestError): void {
  const errors = [{ code: error.code, message: error.message }];
  send(response, error.status, { success: false, errors, messages: [], result: null });
}

function send(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...(status === 413 ? { connection: "close" } : {}),
  });
  response.end(body);
}

/**
 * A server on 127.0.0.1 with the KV routes of Cloudflare's REST API that `KvRestStore` uses, over a Map, which can
 * be told to fail. Faults are taken one a request, in the order they were given, by the route they name.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Route = "write" | "read" | "delete";

export type Fault =
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: string; readonly body?: string }
  /** The request is taken and never answered. */
  | { readonly kind: "time-out" }
  /** The request takes effect; the connection ends before an answer. */
  | { readonly kind: "lost-answer" }
  /** A 200 that says these keys were not written, and they were not. */
  | { readonly kind: "partial"; readonly keys: readonly string[] };

export interface RecordedRequest {
  readonly route: Route;
  readonly keys: readonly string[];
  readonly sizeBytes: number;
  readonly atMs: number;
}

export const FAKE_ACCOUNT = "account1";
export const FAKE_NAMESPACE = "namespace1";
export const FAKE_TOKEN = "fake-token-that-must-not-leak";

export class FakeKvRest {
  readonly values = new Map<string, Uint8Array>();
  readonly requests: RecordedRequest[] = [];
  readonly #faults: { route: Route; fault: Fault }[] = [];
  /** Answers that a cache in front of KV still gives, and how many times more. */
  readonly #cached = new Map<string, { value: Uint8Array | null; times: number }>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FakeKvRest> {
    const server = createServer();
    const fake = new FakeKvRest(server);
    server.on("request", (request, response) => {
      fake.#handle(request, response).catch((error: unknown) => {
        response.statusCode = 599;
        response.end(String(error));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/client/v4`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  fail(route: Route, ...faults: Fault[]): void {
    for (const fault of faults) this.#faults.push({ route, fault });
  }

  /** The next `times` reads of a key give what is there now (an older value, or a miss), whatever is written. */
  freezeReads(key: string, times: number): void {
    this.#cached.set(key, { value: this.values.get(key) ?? null, times });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const prefix = `/client/v4/accounts/${FAKE_ACCOUNT}/storage/kv/namespaces/`;
    const url = request.url ?? "";
    if (request.headers.authorization !== `Bearer ${FAKE_TOKEN}`) {
      return answerError(response, 401, 10000, "Authentication error");
    }
    if (!url.startsWith(`${prefix}${FAKE_NAMESPACE}/`)) {
      return answerError(response, 404, 10013, "namespace not found");
    }
    const path = url.slice(`${prefix}${FAKE_NAMESPACE}/`.length);
    if (request.method === "PUT" && path === "bulk") {
      const pairs = JSON.parse(body.toString("utf8")) as { key: string; value: string; base64?: boolean }[];
      if (pairs.length > 10_000 || body.length > 100_000_000)
        return answerError(response, 413, 10001, "too large");
      const decoded = pairs.map(({ key, value, base64 }) => ({
        key,
        value: new Uint8Array(Buffer.from(value, base64 === true ? "base64" : "utf8")),
      }));
      const keys = decoded.map(({ key }) => key);
      await this.#serve("write", keys, body.length, response, (failed) => {
        for (const { key, value } of decoded) if (!failed.has(key)) this.values.set(key, value);
        return answerBulk(response, keys, failed);
      });
    } else if (request.method === "POST" && path === "bulk/delete") {
      const keys = JSON.parse(body.toString("utf8")) as string[];
      await this.#serve("delete", keys, body.length, response, (failed) => {
        for (const key of keys) if (!failed.has(key)) this.values.delete(key);
        return answerBulk(response, keys, failed);
      });
    } else if (request.method === "GET" && path.startsWith("values/")) {
      const key = decodeURIComponent(path.slice("values/".length));
      await this.#serve("read", [key], 0, response, () => this.#answerRead(response, key));
    } else {
      answerError(response, 405, 10405, "method not allowed");
    }
  }

  async #serve(
    route: Route,
    keys: readonly string[],
    sizeBytes: number,
    response: ServerResponse,
    effect: (failed: ReadonlySet<string>) => void,
  ): Promise<void> {
    this.requests.push({ route, keys, sizeBytes, atMs: Date.now() });
    const position = this.#faults.findIndex((item) => item.route === route);
    const fault = position < 0 ? null : this.#faults.splice(position, 1)[0]!.fault;
    switch (fault?.kind) {
      case "status":
        if (fault.retryAfter !== undefined) response.setHeader("retry-after", fault.retryAfter);
        response.statusCode = fault.status;
        response.end(fault.body ?? "error code: 1015");
        return;
      case "time-out":
        return;
      case "lost-answer": {
        const { socket } = response;
        response.end = () => response;
        effect(new Set());
        socket?.destroy();
        return;
      }
      case "partial":
        effect(new Set(fault.keys));
        return;
      default:
        effect(new Set());
    }
  }

  #answerRead(response: ServerResponse, key: string): void {
    const cached = this.#cached.get(key);
    let value = this.values.get(key) ?? null;
    if (cached !== undefined) {
      value = cached.value;
      cached.times -= 1;
      if (cached.times <= 0) this.#cached.delete(key);
    }
    if (value === null) {
      answerError(response, 404, 10009, "get: 'key not found'");
    } else {
      response.setHeader("content-type", "application/octet-stream");
      response.end(value);
    }
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function answerBulk(response: ServerResponse, keys: readonly string[], failed: ReadonlySet<string>): void {
  const unsuccessful = keys.filter((key) => failed.has(key));
  response.setHeader("content-type", "application/json");
  response.end(
    JSON.stringify({
      success: true,
      errors: [],
      messages: [],
      result: { successful_key_count: keys.length - unsuccessful.length, unsuccessful_keys: unsuccessful },
    }),
  );
}

function answerError(response: ServerResponse, status: number, code: number, message: string): void {
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ success: false, errors: [{ code, message }], messages: [], result: null }));
}

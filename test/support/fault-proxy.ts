/**
 * A proxy on 127.0.0.1 in front of one of the stack's HTTP servers, which can be told to misbehave: a status instead of
 * an answer, no answer at all, an answer that is lost after the request took effect, a server that nobody reaches.
 * Bodies pass through memory: they are at most some megabytes here.
 */
import {
  Agent,
  type IncomingMessage,
  request as requestHttp,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { closeServer, LOOPBACK, listenOnLoopback, readBody } from "../../batch/dev/loopback.ts";

const MAX_BODY_BYTES = 128 * 1024 * 1024;

export interface ProxiedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** `SendMessage` and the like, for requests to SQS; else empty. */
  readonly action: string;
  readonly body: Buffer;
}

export type ProxyFault =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  /** Never answers; the client gives up at some time. */
  | { readonly kind: "hang" }
  /** The request takes effect, the connection ends instead of an answer. */
  | { readonly kind: "lost-answer" }
  /** The connection ends before the request gets anywhere. */
  | { readonly kind: "reset" }
  | { readonly kind: "delay"; readonly ms: number }
  /** Another request in its place, and another answer in place of that one's. */
  | {
      readonly kind: "rewrite";
      readonly body: (body: Buffer) => Buffer;
      readonly answer: (body: Buffer) => Buffer;
    };

/** Decides what happens to a request; null: it passes. */
export type FaultRule = (request: ProxiedRequest) => ProxyFault | null;

export class FaultProxy {
  /** Asked for every request; null: everything passes. */
  rule: FaultRule | null = null;
  /** Faults that happened, by their kind or status. */
  readonly faults = new Map<string, number>();
  /** Requests that reached the server behind, by action or method and first path segments. */
  requests = 0;
  readonly port: number;
  readonly #server: Server;
  readonly #upstream: () => Promise<string>;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #sockets = new Set<Socket>();
  #isDown = false;

  private constructor(server: Server, port: number, upstream: () => Promise<string>) {
    this.#server = server;
    this.port = port;
    this.#upstream = upstream;
    server.on("connection", (socket) => {
      if (this.#isDown) {
        this.#count("refused");
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** @param upstream origin of the server behind; may wait until there is one */
  static async start(upstream: () => Promise<string>): Promise<FaultProxy> {
    let proxy: FaultProxy | null = null;
    const { server, port } = await listenOnLoopback(0, async (request, response) => {
      await proxy!.#handle(request, response);
    });
    proxy = new FaultProxy(server, port, upstream);
    return proxy;
  }

  get origin(): string {
    return `http://${LOOPBACK}:${this.port}`;
  }

  /** While down no connection lasts, and those that there were are cut. */
  setDown(isDown: boolean): void {
    this.#isDown = isDown;
    if (isDown) for (const socket of this.#sockets) socket.destroy();
  }

  /** The next requests that match get these faults, one each, in order; the rest passes. @returns faults left */
  failNext(matches: (request: ProxiedRequest) => boolean, faults: readonly ProxyFault[]): () => number {
    const left = [...faults];
    this.rule = (request) => (matches(request) ? (left.shift() ?? null) : null);
    return () => left.length;
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await closeServer(this.#server);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request, MAX_BODY_BYTES);
    const { method = "GET", url: path = "/", headers } = request;
    const action =
      String(headers["x-amz-target"] ?? "")
        .split(".")
        .at(-1) ?? "";
    const fault = this.rule?.({ method, path, action, body }) ?? null;
    if (fault !== null) this.#count(fault.kind === "status" ? String(fault.status) : fault.kind);
    switch (fault?.kind) {
      case "status":
        response.writeHead(fault.status, fault.headers);
        response.end(fault.body ?? "");
        return;
      case "hang":
        return;
      case "reset":
        request.socket.destroy();
        return;
      case "delay":
        await sleep(fault.ms);
        break;
    }
    const answer = await this.#forward(request, fault?.kind === "rewrite" ? fault.body(body) : body);
    if (answer === null || fault?.kind === "lost-answer") {
      request.socket.destroy();
      return;
    }
    const sent = fault?.kind === "rewrite" ? fault.answer(answer.body) : answer.body;
    const { "transfer-encoding": _, ...kept } = answer.headers;
    response.writeHead(answer.status, { ...kept, "content-length": sent.length });
    response.end(sent);
  }

  /** @returns null when the server behind is not there, or ends the connection */
  async #forward(
    request: IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; headers: IncomingMessage["headers"]; body: Buffer } | null> {
    const upstream = new URL(await this.#upstream());
    this.requests += 1;
    const headers = { ...request.headers, host: upstream.host, "content-length": body.length };
    return await new Promise((resolve) => {
      const { socket } = request;
      // A long poll whose client is gone must not take messages that nobody will see.
      const onClose = (): void => void forwarded.destroy();
      const end = (answer: Parameters<typeof resolve>[0]): void => {
        socket.off("close", onClose);
        resolve(answer);
      };
      const forwarded = requestHttp(
        {
          host: upstream.hostname,
          port: upstream.port,
          method: request.method,
          path: request.url,
          headers,
          agent: this.#agent,
        },
        (answer) => {
          readBody(answer, MAX_BODY_BYTES).then(
            (bytes) => end({ status: answer.statusCode ?? 502, headers: answer.headers, body: bytes }),
            () => end(null),
          );
        },
      );
      forwarded.once("error", () => end(null));
      socket.once("close", onClose);
      forwarded.end(body);
    });
  }

  #count(fault: string): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
  }
}

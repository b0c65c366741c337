/** SQS that refuses when told: a server on 127.0.0.1 in front of the local stack's queue. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { LocalQueue } from "./local-queue.ts";

export interface Refusal {
  readonly status: number;
  /** AWS's name of the error. */
  readonly type: string;
}

export const THROTTLED: Refusal = { status: 400, type: "ThrottlingException" };
export const TOO_MANY: Refusal = { status: 429, type: "TooManyRequestsException" };
export const EXPIRED: Refusal = { status: 403, type: "ExpiredTokenException" };
export const DENIED: Refusal = { status: 403, type: "AccessDeniedException" };

export class FaultySqs {
  /** The queues behind, which never refuse. */
  readonly queue: LocalQueue;
  readonly endpoint: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  /** Actions asked for, in order: `ReceiveMessage`, … */
  readonly asked: string[] = [];
  /** When each was asked for. */
  readonly askedAtMs: number[] = [];
  /** @returns how a request is refused, or null */
  refuse: (action: string) => Refusal | null = () => null;
  readonly #server: Server;

  private constructor(queue: LocalQueue, server: Server) {
    this.queue = queue;
    this.#server = server;
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.queueUrl = this.endpoint + new URL(queue.queueUrl).pathname;
    this.deadLetterQueueUrl = this.endpoint + new URL(queue.deadLetterQueueUrl).pathname;
  }

  static async start(): Promise<FaultySqs> {
    const queue = await LocalQueue.start();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const faulty = new FaultySqs(queue, server);
    server.on("request", async (request, response) => {
      const body = await readAll(request);
      const action = String(request.headers["x-amz-target"]).split(".").at(-1)!;
      faulty.asked.push(action);
      faulty.askedAtMs.push(Date.now());
      const refusal = faulty.refuse(action);
      if (refusal !== null) {
        response.writeHead(refusal.status, { "content-type": "application/x-amz-json-1.0" });
        response.end(JSON.stringify({ __type: `com.amazonaws.sqs#${refusal.type}`, message: "refused" }));
        return;
      }
      const { authorization = "", "x-amz-target": target, "content-type": type } = request.headers;
      try {
        const answer = await fetch(queue.queueUrl, {
          method: "POST",
          headers: { authorization, "x-amz-target": String(target), "content-type": String(type) },
          body,
        });
        response.writeHead(answer.status, { "content-type": "application/x-amz-json-1.0" });
        response.end(Buffer.from(await answer.arrayBuffer()));
      } catch {
        response.destroy();
      }
    });
    return faulty;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.queue.stop();
  }
}

async function readAll(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

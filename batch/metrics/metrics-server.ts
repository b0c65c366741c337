/**
 * `/metrics` and `/healthz` of a consumer on 127.0.0.1: for a Prometheus or an agent on the same machine, and for
 * whatever restarts processes. It has no key, and so nothing but figures.
 */
import type { Server, ServerResponse } from "node:http";
import { closeServer, listenOnLoopback } from "../dev/loopback.ts";
import type { ConsumerMetrics } from "./consumer-metrics.ts";

export interface Health {
  readonly isHealthy: boolean;
  /** Why not, or what it does. */
  readonly reason: string;
}

export interface MetricsServerOptions {
  readonly port: number;
  readonly metrics: ConsumerMetrics;
  readonly health: () => Health;
}

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** @throws LzeroError `port_in_use` */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { metrics, health } = options;
  const { server, port }: { server: Server; port: number } = await listenOnLoopback(
    options.port,
    async (request, response) => {
      const path = new URL(request.url ?? "/", "http://localhost").pathname;
      if (request.method !== "GET" && request.method !== "HEAD") return answer(response, 405, "GET only\n");
      if (path === "/metrics") {
        return answer(response, 200, await metrics.render(), metrics.registry.contentType);
      }
      if (path === "/healthz") {
        const { isHealthy, reason } = health();
        const body = `${JSON.stringify({ status: isHealthy ? "ok" : "failing", reason })}\n`;
        return answer(response, isHealthy ? 200 : 503, body, "application/json");
      }
      answer(response, 404, "there are /metrics and /healthz\n");
    },
  );
  return { port, close: () => closeServer(server) };
}

function answer(
  response: ServerResponse,
  status: number,
  body: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
  response.end(body);
}

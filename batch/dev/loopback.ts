/**
 * What every server of the local stack shares: it listens on 127.0.0.1 alone and answers only to requests that name
 * it so. A page of a foreign site whose name was made to point at 127.0.0.1 (DNS rebinding) sends its own name as
 * Host and is refused.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { LzeroError } from "../../shared/errors.ts";

export const LOOPBACK = "127.0.0.1";

/** The values of a Host header that mean a server on this port of this machine. */
export function loopbackHosts(port: number): string[] {
  const names = [LOOPBACK, "localhost"];
  // A client leaves the scheme's own port out (RFC 9110, section 7.2).
  return [...names.map((name) => `${name}:${port}`), ...(port === 80 ? names : [])];
}

/**
 * Starts a server; a handler that throws answers 500 and the server goes on.
 * @param port 0: any free one
 * @throws LzeroError `port_in_use`
 */
export async function listenOnLoopback(
  port: number,
  handle: (request: IncomingMessage, response: ServerResponse, port: number) => Promise<void>,
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) =>
      reject(cause.code === "EADDRINUSE" ? portInUse(port, cause) : cause),
    );
    server.listen(port, LOOPBACK, resolve);
  });
  const actual = (server.address() as AddressInfo).port;
  const hosts = new Set(loopbackHosts(actual));
  server.on("request", (request, response) => {
    if (!hosts.has(request.headers.host ?? "")) {
      response.writeHead(421, { "content-type": "text/plain" });
      response.end("This server answers only to 127.0.0.1 and localhost.\n");
      return;
    }
    handle(request, response, actual).catch((error: unknown) => {
      console.error(error);
      if (!response.headersSent) response.writeHead(500, { "content-type": "text/plain" });
      response.end("internal error\n");
    });
  });
  return { server, port: actual };
}

/** Stops a server, connections that wait (long polls) included. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

/** Finds out whether a port can be had. @throws LzeroError `port_in_use` */
export async function checkPortFree(port: number): Promise<void> {
  const { server } = await listenOnLoopback(port, async () => undefined);
  await closeServer(server);
}

/** @throws LzeroError `body_too_large` */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    sizeBytes += (chunk as Buffer).length;
    if (sizeBytes > maxBytes) {
      throw new LzeroError("body_too_large", `the body has more than ${maxBytes} bytes`, { limit: maxBytes });
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks, sizeBytes);
}

function portInUse(port: number, cause: unknown): LzeroError {
  return new LzeroError(
    "port_in_use",
    `port ${port} of ${LOOPBACK} is in use: stop the program that has it, or choose another with --port`,
    { port },
    cause,
  );
}

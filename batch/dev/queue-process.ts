/**
 * The process that stands for Amazon SQS: one queue with its dead-letter queue, in memory, on 127.0.0.1. Only signers
 * with the generated access key are served, so that no page of a browser can put messages in.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { createRequestHandler } from "local-aws-sqs";
import { reportReady, stopOnSignal, takeConfig } from "./ipc.ts";
import { closeServer, LOOPBACK, listenOnLoopback, readBody } from "./loopback.ts";

export interface QueueProcessConfig {
  /** 0: any free port. */
  readonly port: number;
  readonly region: string;
  readonly accessKeyId: string;
}

export const QUEUE_ACCOUNT = "000000000000";
export const QUEUE_NAME = "lzero-documents";
export const DEAD_LETTER_QUEUE_NAME = "lzero-documents-dead";
/** Seconds a received message stays hidden; the consumer extends it by heartbeats. */
const VISIBILITY_TIMEOUT_SECONDS = 60;
/** Four days: SQS's default. */
const RETENTION_SECONDS = 345_600;

/** A batch of messages has at most 1 MiB (AWS: "Amazon SQS message quotas"); the envelope comes on top. */
const MAX_BODY_BYTES = 2 * 1024 * 1024;
/** Between looks of a long poll at the queue. */
const POLL_MS = 20;

export function queueUrl(port: number, name: string): string {
  return `http://${LOOPBACK}:${port}/${QUEUE_ACCOUNT}/${name}`;
}

export async function runQueueProcess(): Promise<void> {
  const { server, port } = await startQueueServer(takeConfig<QueueProcessConfig>());
  stopOnSignal(() => closeServer(server));
  reportReady({ queue: port });
}

/** @throws LzeroError `port_in_use` */
export function startQueueServer(config: QueueProcessConfig): ReturnType<typeof listenOnLoopback> {
  let emulator: Promise<Emulator> | null = null;
  const credential = `Credential=${config.accessKeyId}/`;
  return listenOnLoopback(config.port, async (request, response, port) => {
    if (!(request.headers.authorization ?? "").includes(credential)) {
      response.writeHead(403, { "content-type": "text/plain" });
      response.end("The request is not signed with this stack's access key.\n");
      return;
    }
    emulator ??= createEmulator(config, port);
    const { service, requestHandler } = await emulator;
    const body = await readBody(request, MAX_BODY_BYTES);
    const isReceive = String(request.headers["x-amz-target"]).endsWith(".ReceiveMessage");
    const forwarded = isReceive ? await waitForMessages(service, response, body) : body;
    if (forwarded === null) return;
    const { headers, method, url } = request;
    const replay = Object.assign(Readable.from([forwarded]), { headers, method, url });
    await requestHandler(replay as unknown as IncomingMessage, response);
  });
}

/**
 * Long polling as SQS does it: the answer goes out as soon as there is a message. The emulator by itself holds what it
 * has until ten messages are there or the time is over.
 * @returns the request without its waiting time, or null when the client is gone, so that no message goes nowhere
 */
async function waitForMessages(
  service: Emulator["service"],
  response: ServerResponse,
  body: Buffer,
): Promise<Buffer | null> {
  const receive = JSON.parse(body.toString("utf8")) as { QueueUrl?: string; WaitTimeSeconds?: number };
  const name = String(receive.QueueUrl).split("/").at(-1);
  const queue = service.Queues.find(({ QueueName }) => QueueName === name);
  const deadlineMs = Date.now() + 1000 * (receive.WaitTimeSeconds ?? 0);
  while (queue !== undefined && Date.now() < deadlineMs && !response.destroyed) {
    const counts = queue.getAttributes([
      "ApproximateNumberOfMessages",
      "ApproximateNumberOfMessagesNotVisible",
    ]) as Record<string, string> | undefined;
    // Here the first count has the hidden messages in it, other than at AWS.
    const total = Number(counts?.ApproximateNumberOfMessages);
    if (total > Number(counts?.ApproximateNumberOfMessagesNotVisible)) break;
    await sleep(POLL_MS);
  }
  return response.destroyed ? null : Buffer.from(JSON.stringify({ ...receive, WaitTimeSeconds: 0 }));
}

type Emulator = ReturnType<typeof createRequestHandler>;

async function createEmulator(config: QueueProcessConfig, port: number): Promise<Emulator> {
  // A package for development: no other command may need it.
  const { createRequestHandler } = await import("local-aws-sqs");
  return createRequestHandler({
    port,
    hostname: LOOPBACK,
    region: config.region,
    accountId: QUEUE_ACCOUNT,
    queues: [
      {
        QueueName: DEAD_LETTER_QUEUE_NAME,
        Attributes: { MessageRetentionPeriod: RETENTION_SECONDS },
      },
      // No redrive policy: the emulator counts every heartbeat as a delivery, and would move what is only slow to the
      // dead-letter queue, without a reason. The consumer finds poison by itself.
      {
        QueueName: QUEUE_NAME,
        Attributes: {
          VisibilityTimeout: VISIBILITY_TIMEOUT_SECONDS,
          MessageRetentionPeriod: RETENTION_SECONDS,
        },
      },
    ],
  });
}

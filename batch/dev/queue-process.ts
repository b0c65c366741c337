/**
 * The process that stands for Amazon SQS: one queue with its dead-letter queue, in memory, on 127.0.0.1. Only signers
 * with the generated access key are served, so that no page of a browser can put messages in.
 */
import { createRequestHandler } from "local-aws-sqs";
import { reportReady, stopOnSignal, takeConfig } from "./ipc.ts";
import { closeServer, LOOPBACK, listenOnLoopback } from "./loopback.ts";

export interface QueueProcessConfig {
  /** 0: any free port. */
  readonly port: number;
  readonly region: string;
  readonly accessKeyId: string;
}

export const QUEUE_ACCOUNT = "000000000000";
export const QUEUE_NAME = "lzero-documents";
export const DEAD_LETTER_QUEUE_NAME = "lzero-documents-dead";
/**
 * Deliveries of a message before SQS itself moves it to the dead-letter queue, where it would have no reason with it.
 * Generous, as `lzero consume --help` asks: the consumer finds poison by itself, and its own crashes must not count.
 */
const MAX_RECEIVE_COUNT = 100;
/** Seconds a received message stays hidden; the consumer extends it by heartbeats. */
const VISIBILITY_TIMEOUT_SECONDS = 60;
/** Four days: SQS's default. */
const RETENTION_SECONDS = 345_600;

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
  let handler: ReturnType<typeof createRequestHandler>["requestHandler"] | null = null;
  const credential = `Credential=${config.accessKeyId}/`;
  return listenOnLoopback(config.port, async (request, response, port) => {
    if (!(request.headers.authorization ?? "").includes(credential)) {
      response.writeHead(403, { "content-type": "text/plain" });
      response.end("The request is not signed with this stack's access key.\n");
      return;
    }
    handler ??= createHandler(config, port);
    await handler(request, response);
  });
}

function createHandler(
  config: QueueProcessConfig,
  port: number,
): ReturnType<typeof createRequestHandler>["requestHandler"] {
  const deadLetterArn = `arn:aws:sqs:${config.region}:${QUEUE_ACCOUNT}:${DEAD_LETTER_QUEUE_NAME}`;
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
      {
        QueueName: QUEUE_NAME,
        Attributes: {
          VisibilityTimeout: VISIBILITY_TIMEOUT_SECONDS,
          MessageRetentionPeriod: RETENTION_SECONDS,
          RedrivePolicy: JSON.stringify({
            maxReceiveCount: MAX_RECEIVE_COUNT,
            deadLetterTargetArn: deadLetterArn,
          }),
        },
      },
    ],
  }).requestHandler;
}

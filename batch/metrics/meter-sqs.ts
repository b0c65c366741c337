/** Counts what an SQS client sends and receives, by action, in the sizes that AWS bills. */
import type { SQSClient } from "@aws-sdk/client-sqs";
import type { ConsumerMetrics } from "./consumer-metrics.ts";

/** What the middleware sees of an HTTP message of the SDK. */
interface Sized {
  readonly headers?: Readonly<Record<string, string>>;
}

export function meterSqs(sqs: SQSClient, metrics: ConsumerMetrics): void {
  sqs.middlewareStack.add(
    (next, context) => async (args) => {
      const action = String(context.commandName ?? "unknown").replace(/Command$/, "");
      const sentBytes = contentLength(args.request);
      try {
        const result = await next(args);
        // Of a receive the payload is what comes back.
        metrics.countSqs(action, Math.max(sentBytes, contentLength(result.response)));
        return result;
      } catch (error) {
        metrics.countSqs(action, sentBytes);
        throw error;
      }
    },
    // After the retries, so that every attempt counts.
    { step: "finalizeRequest", name: "lzeroMeter", priority: "low" },
  );
}

function contentLength(message: unknown): number {
  return Number((message as Sized | undefined)?.headers?.["content-length"] ?? 0) || 0;
}

/**
 * Sends messages to SQS with a small signer. In: packed messages. Out: which of them the queue did not take. Speaks the
 * AWS JSON 1.0 protocol (docs.aws.amazon.com/AWSSimpleQueueService, "AWS JSON protocol"); receives nothing.
 */
import { AwsClient } from "aws4fetch";
import { LzeroError } from "../shared/errors.ts";
import type { PackedMessage } from "../shared/messages/pack-messages.ts";
import type { Env } from "./env.ts";
import type { Services } from "./services.ts";

/** A Worker has six connections at once; two stay free for KV and the catalog. */
const CONCURRENCY = 4;
const ATTEMPTS = 2;
const ATTEMPT_TIMEOUT_MS = 5000;
const RETRY_DELAY_MS = 200;
/** After this the rest fails without a try: the client is waiting. */
const SEND_DEADLINE_MS = 20_000;

export interface QueueSender {
  /** @returns the positions that the queue did not take, ascending; an unknown outcome counts as not taken */
  send(messages: readonly PackedMessage[]): Promise<readonly number[]>;
}

/**
 * Makes the sender that the environment describes.
 * @throws LzeroError `not_configured` naming the variable that is missing
 */
export function makeQueueSender(env: Env, services: Services): QueueSender {
  const queueUrl = requireVariable(env, "SQS_QUEUE_URL");
  const client = new AwsClient({
    accessKeyId: requireVariable(env, "AWS_ACCESS_KEY_ID"),
    secretAccessKey: requireVariable(env, "AWS_SECRET_ACCESS_KEY"),
    ...(env.AWS_SESSION_TOKEN ? { sessionToken: env.AWS_SESSION_TOKEN } : {}),
    region: requireVariable(env, "AWS_REGION"),
    service: "sqs",
  });
  const endpoint = new URL("/", queueUrl).toString();

  async function sendOnce(message: PackedMessage): Promise<"taken" | "refused" | "try again"> {
    const request = await client.sign(endpoint, {
      method: "POST",
      headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessage" },
      body: JSON.stringify({ QueueUrl: queueUrl, MessageBody: message.body }),
    });
    try {
      const response = await services.fetch(request, { signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS) });
      const bytes = await response.arrayBuffer();
      if (response.ok) return "taken";
      // Not `text()`: workerd warns of the media type application/x-amz-json-1.0 each time.
      const body = new TextDecoder().decode(bytes);
      const isThrottled = response.status === 429 || /Throttl/i.test(body.slice(0, 500));
      // The type of AWS's error names no secret; its message may, so that it stays out.
      const type = /"__type"\s*:\s*"([\w.#]{1,100})"/.exec(body)?.[1] ?? null;
      console.warn(
        JSON.stringify({ level: "warn", event: "sqs_send_failed", status: response.status, type }),
      );
      return response.status >= 500 || isThrottled ? "try again" : "refused";
    } catch (error) {
      const reason = error instanceof Error ? error.name : "unknown";
      console.warn(JSON.stringify({ level: "warn", event: "sqs_send_failed", reason }));
      return "try again";
    }
  }

  async function trySend(message: PackedMessage, deadlineMs: number): Promise<boolean> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      if (services.nowMs() > deadlineMs) return false;
      if (attempt > 1) await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS));
      const outcome = await sendOnce(message);
      if (outcome !== "try again") return outcome === "taken";
    }
    return false;
  }

  return {
    async send(messages) {
      const deadlineMs = services.nowMs() + SEND_DEADLINE_MS;
      const failed: number[] = [];
      const queue = messages.values();
      const work = async (): Promise<void> => {
        for (const message of queue) {
          if (!(await trySend(message, deadlineMs))) failed.push(...message.positions);
        }
      };
      await Promise.all(Array.from({ length: Math.min(CONCURRENCY, messages.length) }, work));
      return failed.sort((left, right) => left - right);
    },
  };
}

type Variable = "SQS_QUEUE_URL" | "AWS_REGION" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY";

function requireVariable(env: Env, name: Variable): string {
  const value = env[name];
  if (!value) throw new LzeroError("not_configured", `${name} is not set`, { missing: name });
  return value;
}

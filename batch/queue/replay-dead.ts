/**
 * Sends dead messages to the first queue again, as they are: a document keeps its version and its condition, so that
 * nothing newer is overwritten. A message leaves the dead-letter queue only once the first queue has it; what dies
 * between is sent twice, which is harmless.
 */
import { SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { DeadLetterBox, DeadMessage } from "./dead-letter-box.ts";
import { describeQueueError } from "./queue-errors.ts";

export interface ReplayChoice {
  /** Whether a message is asked for. */
  readonly wants: (dead: DeadMessage) => boolean;
  /** Sends also what would end here again, and what is too old. */
  readonly force: boolean;
  /** Older ones stay: a deletion of their documents may be forgotten before they are indexed. */
  readonly maxAgeMs: number;
  /** Messages at most. */
  readonly limit: number;
  readonly dryRun: boolean;
}

/** Why a message that was asked for stays. */
export type StayReason = "unreadable" | "too_old";

export interface ReplayReport {
  readonly sent: readonly DeadMessage[];
  readonly stayed: readonly { readonly dead: DeadMessage; readonly why: StayReason }[];
  /** Messages that were not asked for. */
  readonly others: number;
}

/**
 * @param onSent called after each message that has left
 * @throws LzeroError by `describeQueueError`; what was sent until then has left, the rest is given back
 */
export async function replayDead(
  box: DeadLetterBox,
  { sqs, queueUrl }: { readonly sqs: SQSClient; readonly queueUrl: string },
  choice: ReplayChoice,
  nowMs: number,
  onSent: (dead: DeadMessage) => void = () => undefined,
): Promise<ReplayReport> {
  const sent: DeadMessage[] = [];
  const stayed: { dead: DeadMessage; why: StayReason }[] = [];
  let others = 0;
  try {
    for await (const dead of box.receive()) {
      if (!choice.wants(dead) || sent.length >= choice.limit) {
        others += 1;
        continue;
      }
      const why = choice.force ? null : whyItStays(dead, choice.maxAgeMs, nowMs);
      if (why !== null) {
        stayed.push({ dead, why });
        continue;
      }
      sent.push(dead);
      if (choice.dryRun) continue;
      try {
        await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: dead.body }));
      } catch (error) {
        throw describeQueueError(error, "sending to the queue");
      }
      await box.delete(dead);
      onSent(dead);
    }
  } finally {
    await box.release();
  }
  return { sent, stayed, others };
}

function whyItStays({ message }: DeadMessage, maxAgeMs: number, nowMs: number): StayReason | null {
  if (message === null) return "unreadable";
  return nowMs - message.acceptedAtMs > maxAgeMs ? "too_old" : null;
}

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

const MAX_CLOCK_SKEW_MS = 60_000;

/** Why a message that was asked for stays. */
export type StayReason = "unreadable" | "too_old";

export interface ReplayReport {
  readonly sent: readonly DeadMessage[];
  readonly stayed: readonly { readonly dead: DeadMessage; readonly why: StayReason }[];
  /** Messages that were sent, failed again and are here again: they stay. */
  readonly returned: readonly DeadMessage[];
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
  const returned: DeadMessage[] = [];
  /** Consumers may be faster than this command: without it a document that always fails would go round for ever. */
  const sentWrites = new Set<string>();
  let others = 0;
  try {
    for await (const dead of box.receive()) {
      const writes = writesOf(dead);
      // What was here twice before goes twice; a clock that is off by more lets the second stay, which is harmless.
      const isNew = dead.sentAtMs >= nowMs - MAX_CLOCK_SKEW_MS;
      if (isNew && writes.every((write) => sentWrites.has(write))) {
        returned.push(dead);
        continue;
      }
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
      for (const write of writes) sentWrites.add(write);
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
  return { sent, stayed, returned, others };
}

/** What names a message wherever it is: the writes in it, or its very text. */
function writesOf({ message, body }: DeadMessage): string[] {
  if (message === null) return [body];
  const { index, ingestId, documents } = message;
  return documents.map(({ position, version }) => `${index}/${ingestId}/${position}/${version}`);
}

function whyItStays({ message }: DeadMessage, maxAgeMs: number, nowMs: number): StayReason | null {
  if (message === null) return "unreadable";
  return nowMs - message.acceptedAtMs > maxAgeMs ? "too_old" : null;
}

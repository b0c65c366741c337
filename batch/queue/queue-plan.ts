/** What the two queues of Lzero should be like. In: a plan. Out: SQS attributes, and how existing ones differ from them. */
import { LzeroError } from "../../shared/errors.ts";

export interface QueuePlan {
  readonly name: string;
  readonly deadLetterName: string;
  /** Receives after which SQS itself moves a message to the dead-letter queue. */
  readonly maxReceiveCount: number;
  readonly retentionDays: number;
  readonly deadLetterRetentionDays: number;
  readonly visibilitySeconds: number;
}

export const DEFAULT_QUEUE_NAME = "lzero-documents";
export const DEAD_LETTER_SUFFIX = "-dead";

/**
 * At 1 any receive that does not end in a deletion, a restart of the consumer for one, would move the message; with
 * many a message that kills its consumer would do so for hours.
 */
export const MIN_RECEIVE_COUNT = 3;
export const MAX_RECEIVE_COUNT = 5;
export const DEFAULT_PLAN = {
  maxReceiveCount: 4,
  /** SQS's own default. */
  retentionDays: 4,
  /** SQS's longest. */
  deadLetterRetentionDays: 14,
  /** Consumers ask for their own and extend it by heartbeats; this is for those that do not. */
  visibilitySeconds: 120,
} as const;

const MAX_RETENTION_DAYS = 14;
const MAX_VISIBILITY_SECONDS = 43_200;
const DAY_SECONDS = 86_400;
/** Long polling also for receivers that do not ask for it (AWS: at most 20). */
const WAIT_SECONDS = 20;
const NAME = /^[A-Za-z0-9_-]{1,80}$/;

/** @throws LzeroError `queue_plan_invalid` saying what is wrong with it */
export function checkPlan(plan: QueuePlan): void {
  const { name, deadLetterName, maxReceiveCount, retentionDays, deadLetterRetentionDays } = plan;
  const invalid = (message: string) => new LzeroError("queue_plan_invalid", message);
  for (const one of [name, deadLetterName]) {
    if (!NAME.test(one)) {
      throw invalid(`"${one}" is no name of a standard queue: 1 to 80 of A-Z, a-z, 0-9, - and _`);
    }
  }
  if (name === deadLetterName) throw invalid("the queue and its dead-letter queue need two names");
  if (!isWithin(maxReceiveCount, MIN_RECEIVE_COUNT, MAX_RECEIVE_COUNT)) {
    throw invalid(
      `maxReceiveCount is ${MIN_RECEIVE_COUNT} to ${MAX_RECEIVE_COUNT}: a message that is received more often kills consumers, with fewer an innocent one is moved`,
    );
  }
  if (
    !isWithin(retentionDays, 1, MAX_RETENTION_DAYS) ||
    !isWithin(deadLetterRetentionDays, 1, MAX_RETENTION_DAYS)
  ) {
    throw invalid(`SQS keeps messages for 1 to ${MAX_RETENTION_DAYS} days`);
  }
  if (deadLetterRetentionDays <= retentionDays) {
    throw invalid(
      "the dead-letter queue must keep messages longer than the queue: a message that SQS moves keeps its age",
    );
  }
  if (!isWithin(plan.visibilitySeconds, 1, MAX_VISIBILITY_SECONDS)) {
    throw invalid(`the visibility timeout is 1 to ${MAX_VISIBILITY_SECONDS} seconds`);
  }
}

export type Attributes = Readonly<Record<string, string>>;

export function deadLetterAttributes(plan: QueuePlan): Attributes {
  return { MessageRetentionPeriod: String(plan.deadLetterRetentionDays * DAY_SECONDS) };
}

export function queueAttributes(plan: QueuePlan, deadLetterArn: string): Attributes {
  return {
    MessageRetentionPeriod: String(plan.retentionDays * DAY_SECONDS),
    VisibilityTimeout: String(plan.visibilitySeconds),
    ReceiveMessageWaitTimeSeconds: String(WAIT_SECONDS),
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: deadLetterArn,
      maxReceiveCount: plan.maxReceiveCount,
    }),
  };
}

export interface AttributeDifference {
  readonly queue: string;
  readonly attribute: string;
  /** Null: it is not set. */
  readonly is: string | null;
  readonly wanted: string;
}

/** The wanted attributes that a queue has otherwise; what is not wanted either way is left alone. */
export function findDifferences(
  queue: string,
  wanted: Attributes,
  is: Readonly<Record<string, string | undefined>>,
): AttributeDifference[] {
  return Object.entries(wanted).flatMap(([attribute, value]) => {
    const found = is[attribute] ?? null;
    if (found !== null && normalize(attribute, found) === normalize(attribute, value)) return [];
    return [{ queue, attribute, is: found, wanted: value }];
  });
}

/** SQS gives the redrive policy back with its members in an order and of types of its own. */
function normalize(attribute: string, value: string): string {
  if (attribute !== "RedrivePolicy") return value;
  try {
    const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(value) as Record<string, unknown>;
    return JSON.stringify([deadLetterTargetArn, Number(maxReceiveCount)]);
  } catch {
    return value;
  }
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

/**
 * Makes the queue and its dead-letter queue, or finds them and says how they differ from the plan. Doing it twice
 * changes nothing: what exists is changed only when that is asked for.
 */
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { LzeroError } from "../../shared/errors.ts";
import { classifyQueueError, describeQueueError } from "./queue-errors.ts";
import {
  type AttributeDifference,
  type Attributes,
  checkPlan,
  deadLetterAttributes,
  findDifferences,
  type QueuePlan,
  queueAttributes,
} from "./queue-plan.ts";

export interface InitOptions {
  /** Changes attributes of queues that exist and differ. */
  readonly update: boolean;
  /** Makes and changes nothing. */
  readonly dryRun: boolean;
}

export interface InitResult {
  /** Null in a dry run for a queue that does not exist. */
  readonly queueUrl: string | null;
  readonly deadLetterQueueUrl: string | null;
  /** Names of queues that were made, or would be. */
  readonly created: readonly string[];
  readonly differences: readonly AttributeDifference[];
  /** Whether the differences were done away with. */
  readonly updated: boolean;
}

/** @throws LzeroError `queue_plan_invalid`, or what `describeQueueError` makes of AWS's refusal */
export async function initQueues(sqs: SQSClient, plan: QueuePlan, options: InitOptions): Promise<InitResult> {
  checkPlan(plan);
  const created: string[] = [];
  const differences: AttributeDifference[] = [];
  const deadLetter = await ensure(plan.deadLetterName, deadLetterAttributes(plan));
  const { QueueArn: deadLetterArn = "" } = deadLetter === null ? {} : deadLetter.attributes;
  const queue = await ensure(plan.name, queueAttributes(plan, deadLetterArn));
  return {
    queueUrl: queue?.url ?? null,
    deadLetterQueueUrl: deadLetter?.url ?? null,
    created,
    differences,
    updated: options.update && !options.dryRun && differences.length > 0,
  };

  /** @returns null for one that a dry run does not make */
  async function ensure(name: string, wanted: Attributes): Promise<Queue | null> {
    const existing = await findQueue(sqs, name);
    if (existing === null) {
      created.push(name);
      if (options.dryRun) return null;
      const url = await createQueue(sqs, name, wanted);
      return { url, attributes: await readAttributes(sqs, url) };
    }
    const found = findDifferences(name, wanted, existing.attributes);
    differences.push(...found);
    if (found.length > 0 && options.update && !options.dryRun) {
      const changed = Object.fromEntries(found.map(({ attribute }) => [attribute, wanted[attribute]!]));
      await ask(`changing queue ${name}`, () =>
        sqs.send(new SetQueueAttributesCommand({ QueueUrl: existing.url, Attributes: changed })),
      );
    }
    return existing;
  }
}

interface Queue {
  readonly url: string;
  readonly attributes: Readonly<Record<string, string | undefined>>;
}

async function findQueue(sqs: SQSClient, name: string): Promise<Queue | null> {
  let url: string | undefined;
  try {
    ({ QueueUrl: url } = await sqs.send(new GetQueueUrlCommand({ QueueName: name })));
  } catch (error) {
    if (classifyQueueError(error).code === "queue_not_found") return null;
    throw describeQueueError(error, `looking for queue ${name}`);
  }
  if (url === undefined) throw new LzeroError("queue_failed", `SQS gave no URL for queue ${name}`);
  return { url, attributes: await readAttributes(sqs, url) };
}

async function createQueue(sqs: SQSClient, name: string, wanted: Attributes): Promise<string> {
  const { QueueUrl: url } = await ask(`making queue ${name}`, () =>
    sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: { ...wanted } })),
  );
  if (url === undefined) throw new LzeroError("queue_failed", `SQS gave no URL for queue ${name}`);
  return url;
}

async function readAttributes(sqs: SQSClient, url: string): Promise<Queue["attributes"]> {
  const { Attributes = {} } = await ask(`reading the attributes of ${url}`, () =>
    sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] })),
  );
  return Attributes;
}

async function ask<Answer>(what: string, request: () => Promise<Answer>): Promise<Answer> {
  try {
    return await request();
  } catch (error) {
    throw describeQueueError(error, what);
  }
}

/** `lzero queue init`: the queue and the dead-letter queue as Lzero needs them. */
import { type Command, InvalidArgumentError } from "commander";
import { LzeroError } from "../../shared/errors.ts";
import { formatTable } from "../inspect/table.ts";
import { type InitResult, initQueues } from "../queue/init-queues.ts";
import {
  DEAD_LETTER_SUFFIX,
  DEFAULT_PLAN,
  DEFAULT_QUEUE_NAME,
  MAX_RECEIVE_COUNT,
  MIN_RECEIVE_COUNT,
} from "../queue/queue-plan.ts";
import { openSqs } from "../queue/sqs-client.ts";

export interface QueueInitOptions {
  readonly name: string;
  readonly dlqName?: string;
  readonly region?: string;
  readonly maxReceiveCount: number;
  readonly retentionDays: number;
  readonly dlqRetentionDays: number;
  readonly visibilitySeconds: number;
  readonly update?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** What the command needs from outside. */
export interface QueuePorts {
  readonly open: typeof openSqs;
  readonly print: (text: string) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const TERMINAL: QueuePorts = {
  open: openSqs,
  print: (text) => console.log(text),
  environment: process.env,
};

const HELP = `
Makes both queues, or shows how those that are there differ; run it twice and the second time nothing changes. Existing
queues are changed with --update alone. Standard queues: Lzero needs no order, versions decide.

AWS credentials are found as the AWS SDK finds them (environment, shared configuration, SSO, role). Permissions:
  this command      sqs:CreateQueue, GetQueueUrl, GetQueueAttributes, SetQueueAttributes on both queues
  the Worker        sqs:SendMessage on the queue
  lzero consume     sqs:ReceiveMessage, DeleteMessage, ChangeMessageVisibility, GetQueueAttributes on the queue,
                    sqs:SendMessage on the dead-letter queue
  lzero dlq         sqs:ReceiveMessage, DeleteMessage, ChangeMessageVisibility on the dead-letter queue,
                    sqs:SendMessage on the queue

What cannot be indexed goes to the dead-letter queue with its reason, sent there by lzero consume at its first
handling. The redrive policy is the net below: it moves what was received ${DEFAULT_PLAN.maxReceiveCount} times without an end, and keeps no reason.
With another --retention-days than 4 set the Worker's variable QUEUE_RETENTION_DAYS to it.

Examples:
  AWS_REGION=eu-central-1 lzero queue init
  lzero queue init --region eu-central-1 --name papers --dry-run
  lzero queue init --region eu-central-1 --max-receive-count 5 --update`;

export function register(program: Command): void {
  const queue = program.command("queue").summary("make the queues").description("The queues of Lzero.");
  queue
    .command("init")
    .summary("make the queue and its dead-letter queue")
    .description("Makes the queue and its dead-letter queue as Lzero needs them, or says how they differ.")
    .option("--name <name>", "name of the queue", DEFAULT_QUEUE_NAME)
    .option(
      "--dlq-name <name>",
      `name of the dead-letter queue (default: the queue's with ${DEAD_LETTER_SUFFIX})`,
    )
    .option("--region <region>", "AWS region (default: AWS_REGION)")
    .option(
      "--max-receive-count <n>",
      `receives before SQS moves a message, ${MIN_RECEIVE_COUNT} to ${MAX_RECEIVE_COUNT}`,
      parseWhole,
      DEFAULT_PLAN.maxReceiveCount,
    )
    .option(
      "--retention-days <n>",
      "days that the queue keeps a message",
      parseWhole,
      DEFAULT_PLAN.retentionDays,
    )
    .option(
      "--dlq-retention-days <n>",
      "days that the dead-letter queue keeps one; more than the queue's",
      parseWhole,
      DEFAULT_PLAN.deadLetterRetentionDays,
    )
    .option(
      "--visibility-seconds <n>",
      "visibility timeout of the queue",
      parseWhole,
      DEFAULT_PLAN.visibilitySeconds,
    )
    .option("--update", "change existing queues that differ")
    .option("--dry-run", "make and change nothing")
    .option("--json", "print JSON")
    .addHelpText("after", HELP)
    .action(async (options: QueueInitOptions) => {
      process.exitCode = await runQueueInit(options, TERMINAL);
    });
}

/**
 * @returns the exit code: 1 when existing queues differ and were not changed
 * @throws LzeroError `config_invalid`, `queue_plan_invalid`, and AWS's refusals by their codes
 */
export async function runQueueInit(options: QueueInitOptions, ports: QueuePorts): Promise<number> {
  const { environment, print } = ports;
  const region = options.region ?? environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION;
  if (!region) {
    throw new LzeroError("config_invalid", "no region: give --region or set AWS_REGION", {
      variables: ["AWS_REGION"],
    });
  }
  const plan = {
    name: options.name,
    deadLetterName: options.dlqName ?? `${options.name}${DEAD_LETTER_SUFFIX}`,
    maxReceiveCount: options.maxReceiveCount,
    retentionDays: options.retentionDays,
    deadLetterRetentionDays: options.dlqRetentionDays,
    visibilitySeconds: options.visibilitySeconds,
  };
  const { update = false, dryRun = false } = options;
  const sqs = ports.open({ region, endpoint: environment.SQS_ENDPOINT || null });
  try {
    const result = await initQueues(sqs, plan, { update, dryRun });
    print(options.json ? JSON.stringify({ region, ...result }, null, 2) : format(result, region, dryRun));
    return result.differences.length > 0 && !result.updated ? 1 : 0;
  } finally {
    sqs.destroy();
  }
}

function format(result: InitResult, region: string, dryRun: boolean): string {
  const { created, differences, updated, queueUrl, deadLetterQueueUrl } = result;
  const lines = created.map((name) => `${name}: ${dryRun ? "would be made" : "made"}`);
  if (differences.length > 0) {
    const rows = differences.map(({ queue, attribute, is, wanted }) => [
      queue,
      attribute,
      is ?? "not set",
      wanted,
    ]);
    lines.push(
      formatTable([{ name: "queue" }, { name: "attribute" }, { name: "is" }, { name: "planned" }], rows),
      updated ? "Changed as planned." : "Nothing was changed: --update changes these.",
    );
  } else if (created.length === 0) lines.push("Both queues are there and as planned.");
  if (queueUrl !== null && deadLetterQueueUrl !== null) {
    lines.push("", `AWS_REGION=${region}`, `SQS_QUEUE_URL=${queueUrl}`, `SQS_DLQ_URL=${deadLetterQueueUrl}`);
  }
  return lines.join("\n");
}

function parseWhole(text: string): number {
  const value = Number(text);
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("It is a whole number.");
  return value;
}

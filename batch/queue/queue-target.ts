/** Which queues a command speaks to: those that the environment names, else those of the stack of this folder. */
import type { SQSClient } from "@aws-sdk/client-sqs";
import { LzeroError } from "../../shared/errors.ts";
import { type Environment, readVariables } from "../config.ts";
import { readKeys } from "../dev/keys.ts";
import { readRunningQueues } from "../dev/lock.ts";
import { describeStateFolder } from "../dev/state-folder.ts";
import { openSqs } from "./sqs-client.ts";

export interface Queues {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
}

/** Decides: AWS_REGION and keys may be set for other tools. */
const DECIDING_VARIABLE = "SQS_QUEUE_URL";

/** @throws LzeroError `config_invalid`; `target_unknown` when neither is there */
export async function openQueues(
  options: { readonly state: string },
  environment: Environment = process.env,
): Promise<Queues> {
  if (environment[DECIDING_VARIABLE]) {
    const values = readVariables(environment, ["SQS_QUEUE_URL", "SQS_DLQ_URL", "AWS_REGION"]);
    return {
      sqs: openSqs({ region: values.AWS_REGION, endpoint: environment.SQS_ENDPOINT || null }),
      queueUrl: values.SQS_QUEUE_URL,
      deadLetterQueueUrl: values.SQS_DLQ_URL,
    };
  }
  const folder = describeStateFolder(options.state);
  const queues = await readRunningQueues(folder.lock);
  const keys = queues === null ? null : await readKeys(folder.keys);
  if (queues === null || keys === null) {
    throw new LzeroError(
      "target_unknown",
      `no queues to speak to: set ${DECIDING_VARIABLE}, SQS_DLQ_URL and AWS_REGION, or start a stack here with \`npm start\` (${folder.root} has none that runs)`,
      { state: folder.root },
    );
  }
  const { awsAccessKeyId: accessKeyId, awsSecretAccessKey: secretAccessKey } = keys;
  const { endpoint, region, queueUrl, deadLetterQueueUrl } = queues;
  const sqs = openSqs({ region, endpoint, credentials: { accessKeyId, secretAccessKey } });
  return { sqs, queueUrl, deadLetterQueueUrl };
}

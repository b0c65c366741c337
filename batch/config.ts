/**
 * Environment variables → typed configuration. One error names every variable that is missing or wrong, with what to
 * put there; values never appear in messages, because some are secrets.
 */
import { z } from "zod";
import { LzeroError } from "../shared/errors.ts";

interface Variable {
  readonly schema: z.ZodType<string>;
  /** What to set it to, as the error and the help say it. */
  readonly help: string;
  readonly fallback?: string;
}

const text = z.string().min(1);
const httpUrl = z.url({ protocol: /^https?$/ });

export const VARIABLES = {
  LZERO_URL: { schema: httpUrl, help: "origin of the Worker, e.g. https://search.example.com" },
  LZERO_PUBLISH_KEY: { schema: text, help: "the Worker's secret for publishing, the same value as there" },
  LZERO_WRITE_KEY: {
    schema: text,
    help: "the Worker's secret for sending documents, the same value as there",
  },
  SQS_QUEUE_URL: { schema: httpUrl, help: "URL of the queue that the Worker sends documents to" },
  SQS_DLQ_URL: { schema: httpUrl, help: "URL of the queue that takes documents which cannot be indexed" },
  AWS_REGION: { schema: text, help: "region of the queues, e.g. eu-central-1" },
  CLOUDFLARE_ACCOUNT_ID: { schema: text, help: "id of the account that holds the KV namespace" },
  CLOUDFLARE_API_TOKEN: { schema: text, help: "API token with the permission Workers KV Storage: Edit" },
  LZERO_KV_NAMESPACE_ID: { schema: text, help: "id of the KV namespace that the Worker has as INDEX" },
  CLOUDFLARE_API_BASE_URL: {
    schema: httpUrl,
    help: "Cloudflare's API or a server with its KV routes",
    fallback: "https://api.cloudflare.com/client/v4",
  },
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof VARIABLES;
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the named variables; an empty value counts as missing.
 * @throws LzeroError `config_invalid` listing every variable that is missing or malformed
 */
export function readVariables<Name extends VariableName>(
  environment: Environment,
  names: readonly Name[],
): Readonly<Record<Name, string>> {
  const values: Partial<Record<Name, string>> = {};
  const faults: string[] = [];
  const faulty: string[] = [];
  for (const name of names) {
    const variable: Variable = VARIABLES[name];
    const value = environment[name] || variable.fallback;
    if (value !== undefined && variable.schema.safeParse(value).success) {
      values[name] = value;
    } else {
      faulty.push(name);
      faults.push(`  ${name} is ${value === undefined ? "missing" : "malformed"}: ${variable.help}`);
    }
  }
  if (faults.length > 0) {
    throw new LzeroError("config_invalid", `The environment is not complete:\n${faults.join("\n")}`, {
      variables: faulty,
    });
  }
  return values as Record<Name, string>;
}

/** Everything that `lzero consume` needs from outside, except AWS credentials: the SDK finds those by its own rules. */
export interface ConsumerConfig {
  readonly workerUrl: string;
  readonly publishKey: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly region: string;
  /** Another SQS endpoint, e.g. an emulator; null: the one of AWS. */
  readonly sqsEndpoint: string | null;
  readonly cloudflare: {
    readonly baseUrl: string;
    readonly accountId: string;
    readonly apiToken: string;
    readonly namespaceId: string;
  };
}

/** @throws LzeroError `config_invalid` */
export function readConsumerConfig(environment: Environment): ConsumerConfig {
  const values = readVariables(environment, [
    "LZERO_URL",
    "LZERO_PUBLISH_KEY",
    "SQS_QUEUE_URL",
    "SQS_DLQ_URL",
    "AWS_REGION",
    "CLOUDFLARE_ACCOUNT_ID",
    "CLOUDFLARE_API_TOKEN",
    "LZERO_KV_NAMESPACE_ID",
    "CLOUDFLARE_API_BASE_URL",
  ]);
  return {
    workerUrl: values.LZERO_URL,
    publishKey: values.LZERO_PUBLISH_KEY,
    queueUrl: values.SQS_QUEUE_URL,
    deadLetterQueueUrl: values.SQS_DLQ_URL,
    region: values.AWS_REGION,
    sqsEndpoint: environment.SQS_ENDPOINT || null,
    cloudflare: {
      baseUrl: values.CLOUDFLARE_API_BASE_URL,
      accountId: values.CLOUDFLARE_ACCOUNT_ID,
      apiToken: values.CLOUDFLARE_API_TOKEN,
      namespaceId: values.LZERO_KV_NAMESPACE_ID,
    },
  };
}

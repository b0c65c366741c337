/**
 * The one way in which the batch side opens SQS. Credentials come from the AWS SDK's default chain (environment, shared
 * configuration, SSO, the role of the container or machine), which renews those that can be renewed; no code here reads
 * a key. Requests that were throttled or lost are sent again by the SDK, with exponential backoff and full jitter.
 */
import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";

export interface SqsOptions {
  readonly region: string;
  /** Another SQS endpoint, e.g. an emulator; null: the one of AWS. */
  readonly endpoint: string | null;
  /** Of the stack of a folder alone, which makes its own. */
  readonly credentials?: SQSClientConfig["credentials"];
}

/** Attempts in all: waits of up to 0.1, 0.2, 0.4 … s between them, five times that when throttled, at most 20 s. */
const MAX_ATTEMPTS = 7;
const CONNECT_TIMEOUT_MS = 5000;
/** Longer than the longest long poll. */
const REQUEST_TIMEOUT_MS = 30_000;

export function openSqs({ region, endpoint, credentials }: SqsOptions): SQSClient {
  return new SQSClient({
    region,
    maxAttempts: MAX_ATTEMPTS,
    retryMode: "standard",
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
    ...(endpoint === null ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  });
}

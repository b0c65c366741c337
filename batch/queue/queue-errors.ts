/**
 * What the queue's client throws → errors of ours that say what to do. In: errors of the AWS SDK, also wrapped by
 * others. Out: an LzeroError with a stable code; whether it may pass by itself is in the code, not decided here.
 */
import { isLzeroError, LzeroError } from "../../shared/errors.ts";

/** Of SQS's API reference ("Common errors") and of the SDK's credential providers, by what they mean here. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  aws_credentials_expired: [
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "TokenRefreshRequired",
    "ExpiredTokenError",
  ],
  aws_credentials_missing: ["CredentialsProviderError", "CredentialsError", "TokenProviderError"],
  aws_access_denied: [
    "AccessDenied",
    "AccessDeniedException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "InvalidSecurity",
    "OptInRequired",
  ],
  queue_throttled: [
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "SlowDown",
    "OverLimit",
  ],
  queue_not_found: ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"],
};

const ADVICE: Readonly<Record<string, string>> = {
  aws_credentials_expired:
    "the AWS credentials have expired. Renew them (`aws sso login`, new temporary keys, or a role that renews itself) and run it again; nothing is lost, what was not confirmed stays in its queue",
  aws_credentials_missing:
    "no AWS credentials were found. The AWS SDK looks into the environment (AWS_ACCESS_KEY_ID …), the shared configuration and SSO (AWS_PROFILE), and the role of the container or machine",
  aws_access_denied:
    "AWS refuses these credentials. Check that they are of the queue's account and region and may do what is asked; `lzero queue init --help` lists the permissions",
  queue_throttled:
    "SQS throttles this account, also after waiting. Run it again later or ask for less at once",
  queue_not_found:
    "there is no such queue in this region. Check SQS_QUEUE_URL, SQS_DLQ_URL and AWS_REGION, or make them with `lzero queue init`",
  queue_unreachable: "SQS does not answer. Check the network, AWS_REGION and SQS_ENDPOINT",
  queue_failed: "SQS answered with an error",
};

interface AwsError extends Error {
  /** As the library around the SDK keeps the name. */
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/**
 * @param what was asked for, e.g. "sending to the queue"
 * @returns an error of ours as it is
 */
export function describeQueueError(error: unknown, what: string): LzeroError {
  if (isLzeroError(error)) return error;
  const { code, name, status } = classifyQueueError(error);
  return new LzeroError(
    code,
    `${what}: ${ADVICE[code]!} (${name}${status === null ? "" : `, status ${status}`})`,
    { name, status },
    error,
  );
}

export interface QueueErrorClass {
  readonly code: string;
  /** AWS's name of it. */
  readonly name: string;
  readonly status: number | null;
}

export function classifyQueueError(error: unknown): QueueErrorClass {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const { name, code: itsCode, $metadata } = cause as AwsError;
    const status = $metadata?.httpStatusCode ?? null;
    for (const known of [name, itsCode]) {
      const code = Object.keys(CODES).find((one) => CODES[one]!.includes(String(known)));
      if (code !== undefined) return { code, name: String(known), status };
    }
    if (status === 429) return { code: "queue_throttled", name, status };
    if (status !== null) return { code: status === 403 ? "aws_access_denied" : "queue_failed", name, status };
    if (isNetworkError(cause)) return { code: "queue_unreachable", name: String(itsCode ?? name), status };
  }
  return { code: "queue_failed", name: error instanceof Error ? error.name : String(error), status: null };
}

function isNetworkError(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return (
    error.name === "TimeoutError" ||
    ["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "EPIPE", "EHOSTUNREACH"].includes(
      code ?? "",
    )
  );
}

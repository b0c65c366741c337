/** List prices in dollars of what the consumer uses; free tiers and discounts are not known here. */

/** Workers KV, a key (developers.cloudflare.com/kv/platform/pricing): reads $0.50 a million, writes and deletes $5. */
export const KV_DOLLARS = { read: 0.5e-6, write: 5e-6, delete: 5e-6 } as const;
/** A standard queue, a request (aws.amazon.com/sqs/pricing, first tier). */
export const SQS_DOLLARS_PER_REQUEST = 0.4e-6;
/** Each 64 KB of payload counts as one request (ibid.). */
export const SQS_BILLED_BYTES = 64 * 1024;

/** Requests that one call of an SQS action is billed as. */
export function billedSqsRequests(payloadBytes: number): number {
  return Math.max(1, Math.ceil(payloadBytes / SQS_BILLED_BYTES));
}

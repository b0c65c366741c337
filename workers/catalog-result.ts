/**
 * How an answer or an error of the catalog crosses RPC, which keeps neither error classes nor their fields. Out: an
 * envelope; in: the value, or the LzeroError thrown again.
 */
import { type ErrorDetails, LzeroError } from "../shared/errors.ts";

export type CatalogResult<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly error: { readonly code: string; readonly message: string; readonly details: ErrorDetails };
    };

/** Runs a command. An error that is not ours passes through as a failure of the call itself. */
export function encodeResult<T>(command: () => T): CatalogResult<T> {
  try {
    return { ok: true, value: command() };
  } catch (cause) {
    if (!(cause instanceof LzeroError)) throw cause;
    return { ok: false, error: { code: cause.code, message: cause.message, details: cause.details } };
  }
}

/** @throws LzeroError the one that the catalog threw */
export function decodeResult<T>(result: CatalogResult<T>): T {
  if (result.ok) return result.value;
  throw new LzeroError(result.error.code, result.error.message, result.error.details);
}

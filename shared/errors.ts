/**
 * The one error type that this code throws on purpose. Every instance has a stable `code` for programs, a sentence
 * for people, and `details` that say where: the key, the offset, what was expected and what was there.
 */

export type ErrorDetails = Readonly<
  Record<string, string | number | boolean | null | readonly (string | number)[]>
>;

export class LzeroError extends Error {
  /** Stable, machine-readable: `page_corrupt`, `index_not_found`, … Never reworded once published. */
  readonly code: string;
  readonly details: ErrorDetails;

  constructor(code: string, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "LzeroError";
    this.code = code;
    this.details = details;
  }
}

/** Tells whether a value is an error of ours, optionally of one code. */
export function isLzeroError(value: unknown, code?: string): value is LzeroError {
  return value instanceof LzeroError && (code === undefined || value.code === code);
}
